#include "mtasts/mx_pattern.h"

#include "base/text.h"
#include "base/try.h"

namespace starttls::mtasts {
namespace {

// Returns the faults that are not in the name itself, or that come before it.
std::string_view fault_of(std::string_view text) {
  if (text == "*") return "would match every host; a wildcard is '*.' and a domain";
  if (text.starts_with('.') && DomainName::parse(text.substr(1))) {
    return "is the suffix of another format; a wildcard is '*.' and a domain";
  }
  if (text.find('*', text.starts_with("*.") ? 2 : 0) != std::string_view::npos) {
    return "has a '*' that is not the whole left-most label";
  }
  if (text.find_first_of(" \t,;") != std::string_view::npos) {
    return "is more than one name; each has an 'mx:' line of its own";
  }
  return {};
}

}  // namespace

Result<MxPattern> MxPattern::parse(std::string_view text) {
  if (const auto fault = fault_of(text); !fault.empty()) {
    return fail(Fault::data, "'{}' {}", printable(text, 300), fault);
  }
  const bool wildcard = text.starts_with("*.");
  return MxPattern(TRY(DomainName::parse(wildcard ? text.substr(2) : text)), wildcard);
}

bool MxPattern::matches(const DomainName& mx_host) const {
  if (!wildcard_) return mx_host == name_;
  const std::string& host = mx_host.str();
  const auto dot = host.find('.');
  return dot != std::string::npos && std::string_view(host).substr(dot + 1) == name_.str();
}

}  // namespace starttls::mtasts
