// Which senders are known for TLS, so that plaintext from them is refused where the operator wants that.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>

#include "base/result.h"
#include "config/tlsrpt_toml.h"
#include "store/recorder.h"
#include "store/senders.h"
#include "store/store.h"

namespace starttls::milter {

class KnownSenders {
 public:
  explicit KnownSenders(store::SendingDomainFinder sending_domain);

  // From any thread. `open_store`: where anybody is refused, the store is read before that holds, so that the
  // first mail after this is judged already; an error says why it could not be read, and until refresh()
  // nobody new is refused.
  Result<void> configure(const config::TlsrptConfig& configuration,
                         const store::StoreOpener& open_store = {});

  // Reads the store again, where anybody is refused at all; not more often than what it costs allows, but at
  // once where a sender was forgotten. To be called after folds. From any thread.
  Result<void> refresh(store::Store& store);

  // Whether a client with this verified name is known for TLS, and is not exempt. From any thread.
  bool refuses_plaintext(const std::string& client_name) const;

 private:
  using Domains = std::unordered_set<std::string>;
  using Steady = std::chrono::steady_clock;
  // The number of sessions, where anybody is refused; whether `known_` is from before a change of it.
  struct Need {
    std::uint64_t least_tls_sessions = 1;
    bool stale = false;
  };
  std::optional<Need> need();
  void set(std::shared_ptr<const Domains> known);
  static Result<std::shared_ptr<const Domains>> read(store::Store& store, std::uint64_t least_tls_sessions);

  const store::SendingDomainFinder sending_domain_;

  mutable std::mutex mutex_;  // guards what follows
  bool refuses_ = false;
  std::uint64_t least_tls_sessions_ = 1;
  std::set<std::string> exempt_;
  bool stale_ = false;
  std::shared_ptr<const Domains> known_ = std::make_shared<Domains>();

  std::mutex refresh_mutex_;  // guards what follows
  std::int64_t forget_generation_ = -1;
  Steady::time_point next_refresh_;
};

}  // namespace starttls::milter
