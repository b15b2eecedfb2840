#include "keyring/list_name.h"

#include <fmt/format.h>

#include "base/text.h"

namespace starttls::keyring {
namespace {

constexpr std::string_view characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
constexpr std::size_t max_shown = 100;  // bytes of a name in a message

}  // namespace

Result<void> check_list_name(std::string_view name) {
  if (name.empty()) return fail(Fault::data, "is empty");
  if (name.size() > max_list_name) return fail(Fault::data, "is longer than {} characters", max_list_name);
  if (name.find_first_not_of(characters) != std::string_view::npos) {
    return fail(Fault::data, "is '{}'; it may have letters, digits, '.', '_' and '-' in it, nothing else",
                printable(name, max_shown));
  }
  if (name.starts_with('.') || name.starts_with('-'))
    return fail(Fault::data, "is '{}'; it may not begin with '.' or '-'", printable(name, max_shown));
  return {};
}

}  // namespace starttls::keyring
