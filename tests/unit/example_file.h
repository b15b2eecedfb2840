// An example configuration file whose keys follow a '#', one on each line:
//
//   # A sentence has a blank after the '#'.
//   #[table]
//   #key = 7        # a comment
//   #array = [1,
//   #         2]    a line with more than one blank continues the value
#pragma once

#include <filesystem>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support.h"

namespace starttls::test {

struct ExampleKey {
  std::string table;  // "", "milter"; "list[]" for [[list]]
  std::string name;
  std::string text;  // as in the file, without the '#'
  bool is_commented = false;

  // In the form of Settings::keys().
  std::string key() const { return table.empty() ? name : table + "." + name; }
  // A file with this key alone.
  std::string file() const {
    if (table.empty()) return text;
    const bool is_array = table.ends_with("[]");
    const std::string header = is_array ? "[[" + table.substr(0, table.size() - 2) + "]]" : "[" + table + "]";
    return header + "\n" + text;
  }
};

inline std::vector<ExampleKey> keys_of_example(const std::filesystem::path& file) {
  std::vector<ExampleKey> keys;
  std::string table;
  std::istringstream lines(read(file));
  for (std::string line; std::getline(lines, line);) {
    const bool is_commented = line.starts_with('#');
    if (is_commented) line.erase(0, 1);
    const auto name_end = line.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_");
    if (line.starts_with("  ") && !keys.empty()) {
      keys.back().text += line + "\n";
    } else if (line.starts_with("[[")) {
      table = line.substr(2, line.find(']') - 2) + "[]";
    } else if (line.starts_with('[')) {
      table = line.substr(1, line.find(']') - 1);
    } else if (name_end != 0 && name_end != line.npos && line.substr(name_end).starts_with(" = ")) {
      keys.push_back({.table = table,
                      .name = line.substr(0, name_end),
                      .text = line + "\n",
                      .is_commented = is_commented});
    }
  }
  return keys;
}

}  // namespace starttls::test
