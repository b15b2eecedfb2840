#include "preload/mx_pattern.h"

#include "base/domain.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::preload {

bool MxPattern::is_plain(std::string_view text) {
  if (text.starts_with('.')) text.remove_prefix(1);
  return text.find('.') != std::string_view::npos && DomainName::is_plain(text);
}

Result<MxPattern> MxPattern::parse(std::string_view text) {
  if (text.starts_with("*.")) {
    return fail(Fault::data, "'{}' is no pattern of this format; a suffix is written '{}'",
                printable(text, 300), printable(text.substr(1), 300));
  }
  if (text == ".") return fail(Fault::data, "'.' is the null MX (RFC 7505), not an MX host");
  const bool suffix = text.starts_with('.') && !text.starts_with("..");
  const auto name = TRY(DomainName::parse(suffix ? text.substr(1) : text));
  if (name.str().find('.') == std::string::npos) {
    return fail(Fault::data, "'{}' {}", printable(text, 300),
                suffix ? "covers a whole top-level domain" : "is a single label, which no MX host is called");
  }
  return MxPattern(suffix ? "." + name.str() : name.str());
}

}  // namespace starttls::preload
