#include "listtool/postfix/version.h"

#include <charconv>

#include "base/text.h"

namespace starttls::listtool::postfix {
namespace {

constexpr std::string_view release_name = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";

constexpr Version oldest{.major = 2, .minor = 3};  // security level "secure"

bool take_number(std::string_view& text, unsigned& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_dot_and_number(std::string_view& text, unsigned& number) {
  if (!text.starts_with('.')) return false;
  text.remove_prefix(1);
  return take_number(text, number);
}

// "-20241126" or "-RC1", the suffixes of snapshots and release candidates.
bool is_release_name(std::string_view text) {
  return text.size() > 1 && text.front() == '-' && text.find_first_not_of(release_name, 1) == text.npos;
}

}  // namespace

Result<Version> parse_version(std::string_view text) {
  Version version;
  unsigned patch = 0;
  std::string_view rest = text;
  const bool sound = take_number(rest, version.major) && take_dot_and_number(rest, version.minor) &&
                     (!rest.starts_with('.') || take_dot_and_number(rest, patch)) &&
                     (rest.empty() || is_release_name(rest));
  if (!sound)
    return fail(Fault::usage, "'{}' is no Postfix version such as 3.7 or 3.7.11", printable(text, 100));
  if (version < oldest) {
    return fail(Fault::usage, "Postfix {} has no TLS policies; {}.{} is the first that has",
                printable(text, 100), oldest.major, oldest.minor);
  }
  return version;
}

}  // namespace starttls::listtool::postfix
