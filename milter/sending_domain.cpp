#include "milter/sending_domain.h"

#include <memory>

#include "publicsuffix/public_suffixes.h"

namespace starttls::milter {

Result<store::SendingDomain> sending_domain() {
  auto suffixes = PublicSuffixes::load();
  if (!suffixes) return std::unexpected(suffixes.error());
  const auto shared = std::make_shared<const PublicSuffixes>(std::move(*suffixes));
  return [shared](const std::string& client_name) { return shared->registrable(client_name); };
}

}  // namespace starttls::milter
