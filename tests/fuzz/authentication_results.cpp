#include "mail/authentication_results.h"

#include <algorithm>
#include <string>

#include "fuzz.h"
#include "mail/fields.h"

using namespace starttls;

namespace {

// A value is a part of the field, so that it cannot be larger than the input.
void check(const mail::AuthenticationResults& field, std::size_t size) {
  fuzz::require(!field.authserv_id.empty() || size >= 2);  // "" is written with quotes
  fuzz::require(field.results.size() <= mail::max_authentication_results);
  std::size_t sum = field.authserv_id.size();
  for (const auto& result : field.results) {
    fuzz::require(std::ranges::none_of(result.method, [](char c) { return c >= 'A' && c <= 'Z'; }));
    sum += result.method.size() + result.result.size();
    for (const auto& property : result.properties) {
      fuzz::require(!property.type.empty() && !property.name.empty());
      sum += property.type.size() + property.name.size() + property.value.size();
      const auto same = std::ranges::count_if(result.properties, [&](const auto& other) {
        return other.type == property.type && other.name == property.name;
      });
      const auto value = result.property(property.type, property.name);
      fuzz::require(value.has_value() == (same == 1) && (!value || *value == property.value));
    }
  }
  fuzz::require(sum <= size);
}

// The field From, whose domain is compared with those of the results.
void check_address(std::string_view value) {
  const auto domain = mail::address_domain(std::string(value));
  fuzz::require(!domain || (!domain->empty() && !domain->contains('@')));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = fuzz::text_of(bytes, size);
  if (const auto field = mail::parse_authentication_results(text)) {
    check(*field, size);
    fuzz::require(mail::parse_authserv_id(text) == field->authserv_id);
  }
  check_address(text);
  // The headers of such fields, and of the other fields that are used.
  constexpr std::array<std::string_view, 2> names{"authentication-results", "dkim-signature"};
  for (const mail::Field& one : mail::parse_fields(text, names)) {
    fuzz::require(one.value.size() <= size);
    (void)mail::parse_authentication_results(one.value);
    if (const auto tag = mail::find_tag(one.value, "l")) fuzz::require(tag->size() <= one.value.size());
  }
  return 0;
}
