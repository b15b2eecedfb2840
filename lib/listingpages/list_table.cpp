#include <fmt/format.h>

#include "listingpages/pages.h"

namespace starttls::listingpages {
namespace {

// A basic string of TOML, as which fmt's debug format can be read.
std::string toml_string(std::string_view text) {
  return fmt::format("{:?}", text);
}

// A key a line.
std::string array(std::string_view name, const std::vector<std::string>& keys) {
  std::string out = fmt::format("{} = [\n", name);
  for (const std::string& key : keys) out += fmt::format("  {},\n", toml_string(key));
  return out + "]\n";
}

}  // namespace

std::string list_table(const ListAbout& about) {
  const std::string out = fmt::format("[[list]]\nname = {}\nurl = {}\n", toml_string(about.name),
                                      toml_string(about.url + about.file));
  if (about.root_keys.empty()) return out + array("keys", about.keys);
  return out + array("root_keys", about.root_keys) + fmt::format("threshold = {}\n", about.threshold);
}

}  // namespace starttls::listingpages
