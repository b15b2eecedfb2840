#include "mail/gmime.h"

namespace starttls::mail {

void begin_gmime() {
  static const bool begun = [] {
    g_mime_init();
    return true;
  }();
  static_cast<void>(begun);
}

}  // namespace starttls::mail
