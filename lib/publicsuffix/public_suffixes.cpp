#include "publicsuffix/public_suffixes.h"

#include <libpsl.h>

namespace starttls::publicsuffix {

void PublicSuffixes::Free::operator()(psl_ctx_st* list) const {
  psl_free(list);
}

Result<PublicSuffixes> PublicSuffixes::load() {
  psl_ctx_t* const list = psl_latest(nullptr);
  if (list == nullptr)
    return fail(Fault::unavailable, "there is no Public Suffix List (package publicsuffix)");
  return PublicSuffixes(list);
}

bool PublicSuffixes::contains(const std::string& name) const {
  return psl_is_public_suffix2(list_.get(), name.c_str(), PSL_TYPE_ICANN | PSL_TYPE_NO_STAR_RULE) != 0;
}

std::string PublicSuffixes::registrable(const std::string& name) const {
  const char* const domain = psl_registrable_domain(list_.get(), name.c_str());
  return domain == nullptr ? std::string() : std::string(domain);
}

}  // namespace starttls::publicsuffix
