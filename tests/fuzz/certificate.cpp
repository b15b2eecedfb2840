// The input is a certificate in DER, or a chain or a key in PEM. What can be read is described, verified and matched.
#include "certificate/certificate.h"

#include "base/text.h"
#include "certificate/chain.h"
#include "certificate/key.h"
#include "certificate/tlsa.h"
#include "fuzz.h"

using namespace starttls;
using namespace starttls::certificate;

namespace {

constexpr Time now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 22}};
constexpr std::size_t max_chain = 8;  // for speed

// Nothing that could disturb a terminal; a backslash stays as it is.
void require_printable(std::string text) {
  std::erase(text, '\\');
  fuzz::require(printable(text, text.size()) == text);
}

void check(const Certificate& read) {
  const auto again = read_der(read.der);
  fuzz::require(again && again->subject == read.subject && again->public_key == read.public_key);
  require_printable(read.subject);
  require_printable(read.issuer);
  require_printable(read.common_name);
  fuzz::require(read.names.size() <= max_names);
  for (const std::string& name : read.names) fuzz::require(!name.empty() && !name.contains('\0'));
  fuzz::require(!matches(read, "") && !matches(read, "test"));
}

// Its own TLSA records match the server's certificate, those of another usage and others do not.
void check_records(const std::vector<Certificate>& chain) {
  constexpr std::uint8_t selectors = 3;  // the last is none
  constexpr std::uint8_t types = 4;
  std::vector<dns::Tlsa> records;
  for (const std::uint8_t usage : {pkix_ee, dane_ta, dane_ee}) {
    for (std::uint8_t selector = 0; selector < selectors; ++selector) {
      for (std::uint8_t type = 0; type < types; ++type) {
        records.push_back({usage, selector, type, tlsa_data(chain.front(), selector, type)});
      }
    }
  }
  const std::vector<std::string> names{"mx.example.test"};
  const auto found = match_tlsa(records, chain, names, now);
  fuzz::require(found.size() == records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    fuzz::require(found[i].matches == found[i].reason.empty());
    if (found[i].matches) fuzz::require(is_usable(records[i]));
    if (records[i].usage == dane_ee && is_usable(records[i])) fuzz::require(found[i].matches);
  }
}

void check_chain(std::vector<Certificate> chain) {
  if (chain.size() > max_chain) chain.erase(chain.begin() + max_chain, chain.end());
  for (const Certificate& read : chain) check(read);
  const auto trusted = Authorities::of({&chain.back(), 1});
  const ChainVerdict verdict = verify(chain, trusted, now);
  fuzz::require((verdict.fault == ChainFault::none) == verdict.reason.empty());
  if (verdict.fault == ChainFault::none)
    fuzz::require(chain.front().not_before <= now && now <= chain.front().not_after);
  is_in_order(chain);
  check_records(chain);
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = fuzz::text_of(bytes, size);
  if (const auto der = read_der(text)) check_chain({*der});
  if (auto pem = read_pem(text)) check_chain(std::move(*pem));
  if (const auto key = read_private_key(text)) fuzz::require(!key->der.empty());
  if (const auto key = read_public_key(text)) fuzz::require(!belongs_to(*key, Certificate{}));
  return 0;
}
