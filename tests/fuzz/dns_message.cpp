// The first byte selects the type, the others are the message.
#include <array>

#include "base/domain.h"
#include "dns/message.h"
#include "fuzz.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size == 0) return 0;
  constexpr std::array types{dns::Type::a,    dns::Type::mx,   dns::Type::txt,
                             dns::Type::aaaa, dns::Type::tlsa, dns::Type::cname};
  const dns::Type type = types.at(bytes[0] % types.size());
  const dns::Octets message(bytes + 1, size - 1);
  (void)dns::has_signed_keys(message);
  const auto answer = dns::read_message(message, type);
  if (!answer) {
    fuzz::require(!answer.error().message.empty());
    return 0;
  }
  const std::size_t records =
      answer->texts.size() + answer->mxs.size() + answer->addresses.size() + answer->tlsas.size();
  fuzz::require(answer->status != dns::Status::failed);
  const bool is_alias = type == dns::Type::cname && answer->status == dns::Status::found;
  fuzz::require((answer->status == dns::Status::found) == (records > 0 || is_alias));
  fuzz::require(answer->ttl.count() >= 0 && answer->ttl <= dns::max_ttl);
  fuzz::require(answer->dnssec == dns::Dnssec::insecure);
  for (const std::string& text : answer->texts) fuzz::require(text.size() <= size);
  for (const dns::Mx& mx : answer->mxs) {
    // A dot in the text is also a dot in the name.
    const auto host = DomainName::parse(mx.host);
    fuzz::require(!host || mx.host.find('\\') == std::string::npos);
  }
  return 0;
}
