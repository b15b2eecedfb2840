#include "mail/gmime.h"

namespace starttls::mail {

void init_gmime() {
  static const bool begun = [] {
    g_mime_init();
    return true;
  }();
  static_cast<void>(begun);
}

}  // namespace starttls::mail
