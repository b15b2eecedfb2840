#include "base/version.h"

namespace starttls {

std::string_view version() {
  return STARTTLS_VERSION;
}

}  // namespace starttls
