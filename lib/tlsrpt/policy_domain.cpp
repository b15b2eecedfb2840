#include "tlsrpt/policy_domain.h"

#include "base/domain.h"
#include "base/text.h"

namespace starttls::tlsrpt {

std::string normalise_policy_domain(std::string_view text) {
  text = trim(text);
  if (DomainName::is_plain(text)) return std::string(text);
  if (const auto domain = DomainName::parse(text)) return domain->str();
  std::string other = to_lower(text);
  if (other.ends_with('.')) other.pop_back();
  return other;
}

}  // namespace starttls::tlsrpt
