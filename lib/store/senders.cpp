#include "store/senders.h"

#include <algorithm>

namespace starttls::store {

void add(Sender& sender, const Sender& more) {
  sender.tls_sessions += more.tls_sessions;
  sender.last_tls = std::max(sender.last_tls, more.last_tls);
  sender.best_tls = std::max(sender.best_tls, more.best_tls);
  sender.last_downgrade = std::max(sender.last_downgrade, more.last_downgrade);
}

}  // namespace starttls::store
