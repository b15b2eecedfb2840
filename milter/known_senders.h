// Which senders are known for TLS, so that plaintext from them is refused if this is configured.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>

#include "base/guarded.h"
#include "base/result.h"
#include "config/tlsrpt_toml.h"
#include "store/recorder.h"
#include "store/senders.h"
#include "store/store.h"

namespace starttls::milter {

class KnownSenders {
 public:
  explicit KnownSenders(store::SendingDomainFinder sending_domain);

  // From any thread. Where plaintext is refused, reads the store that `open_store` opens before the new
  // settings hold, so that they hold for the first mail already. The error has the reason if the store could
  // not be read; until refresh() no further sender is refused then.
  Result<void> configure(const config::MilterConfig& config, const store::StoreOpener& open_store = {});

  // Reads the store again where plaintext is refused: at once where a sender was forgotten, else not so often
  // that it takes much time. To be called after folds. From any thread.
  Result<void> refresh(store::Store& store);

  // Whether a client with this verified name is known for TLS, and is not exempt. From any thread.
  bool refuses_plaintext(const std::string& client_name) const;

 private:
  using Domains = std::unordered_set<std::string>;
  using Steady = std::chrono::steady_clock;

  struct State {
    bool refuses = false;  // any sender at all
    std::uint64_t min_tls_sessions = 1;
    std::set<std::string> exempt;
    bool is_stale = false;  // `known` is from before configure()
    std::shared_ptr<const Domains> known = std::make_shared<Domains>();
  };
  struct Refreshed {
    std::int64_t forget_generation = -1;  // of the store, when it was read
    Steady::time_point next;
  };

  static Result<std::shared_ptr<const Domains>> read(store::Store& store, std::uint64_t min_tls_sessions);

  const store::SendingDomainFinder sending_domain_;
  Guarded<State> state_;
  Guarded<Refreshed> refreshed_;  // held during refresh(), and locked before state_
};

}  // namespace starttls::milter
