// Lists that the tests of the maps share.
#pragma once

#include <string>
#include <vector>

#include "listtool/sources.h"
#include "support.h"

namespace starttls::test {

inline listtool::Source source_of(const std::string& name, const std::vector<preload::Entry>& entries) {
  preload::ListBuilder builder;
  for (const auto& entry : entries) builder.add(entry, 0);
  builder.put_in_order();
  listtool::Source source{.name = name,
                          .path = name + ".json",
                          .list = std::move(builder.list()),
                          .verified = std::nullopt,
                          .expired = std::nullopt};
  source.list.timestamp = at("2026-01-01T00:00:00Z");
  source.list.expires = at("2026-02-01T00:00:00Z");
  return source;
}

// The lines that a mail server reads.
inline std::string without_comments(const std::string& map) {
  std::istringstream lines(map);
  std::string kept;
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with('#')) kept += line + "\n";
  }
  return kept;
}

}  // namespace starttls::test
