#include "store/sending_domain.h"

#include <memory>

#include "base/try.h"
#include "publicsuffix/public_suffixes.h"

namespace starttls::store {

Result<store::SendingDomainFinder> sending_domain() {
  auto suffixes = TRY(publicsuffix::PublicSuffixes::load());
  const auto shared = std::make_shared<const publicsuffix::PublicSuffixes>(std::move(suffixes));
  return [shared](const std::string& client_name) { return shared->registrable(client_name); };
}

}  // namespace starttls::store
