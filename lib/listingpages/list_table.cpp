#include <fmt/format.h>
#include <fmt/ranges.h>

#include "listingpages/pages.h"

namespace starttls::listingpages {
namespace {

// A basic string of TOML, as which fmt's debug format can be read.
std::string toml_string(std::string_view text) {
  return fmt::format("{:?}", text);
}

// A key a line, below each other.
std::string array(std::string_view name, const std::vector<std::string>& keys) {
  std::vector<std::string> lines;
  for (const std::string& key : keys) lines.push_back(toml_string(key));
  const std::string begin = fmt::format("{} = [", name);
  return fmt::format("{}{}]\n", begin, fmt::join(lines, ",\n" + std::string(begin.size(), ' ')));
}

}  // namespace

std::string list_table(const ListAbout& about) {
  std::string out = fmt::format("[[list]]\nname = {}\nurl = {}\n", toml_string(about.name),
                                toml_string(about.url + about.file));
  if (about.root_keys.empty()) return out + array("keys", about.keys);
  return out + array("root_keys", about.root_keys) + fmt::format("threshold = {}\n", about.threshold);
}

}  // namespace starttls::listingpages
