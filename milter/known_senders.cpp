#include "milter/known_senders.h"

#include <utility>

#include "base/try.h"

namespace starttls::milter {
namespace {

// Reading all senders uses at most this part (1/20) of the time.
constexpr int refresh_share = 20;

}  // namespace

KnownSenders::KnownSenders(store::SendingDomainFinder sending_domain)
    : sending_domain_(std::move(sending_domain)) {}

Result<void> KnownSenders::configure(const config::MilterConfig& config,
                                     const store::StoreOpener& open_store) {
  const bool refuses = config.on_downgrade == config::OnDowngrade::tempfail;
  std::shared_ptr<const Domains> known;
  const auto read_store = [&]() -> Result<void> {
    const auto store = TRY(open_store());
    known = TRY(read(*store, config.downgrade_after));
    return {};
  };
  const auto done = refuses && open_store ? read_store() : Result<void>();
  const auto state = state_.lock();
  state->refuses = refuses;
  state->min_tls_sessions = config.downgrade_after;
  state->is_stale = true;
  state->exempt.clear();
  for (const DomainName& domain : config.downgrade_exempt) state->exempt.insert(domain.str());
  if (known) state->known = std::move(known);
  return done;
}

Result<std::shared_ptr<const KnownSenders::Domains>> KnownSenders::read(store::Store& store,
                                                                        std::uint64_t min_tls_sessions) {
  const auto senders = TRY(store.senders(min_tls_sessions));
  auto known = std::make_shared<Domains>();
  known->reserve(senders.size());
  for (const auto& [domain, sender] : senders) known->insert(domain);
  return known;
}

Result<void> KnownSenders::refresh(store::Store& store) {
  const auto refreshed = refreshed_.lock();
  std::uint64_t min_tls_sessions = 0;
  bool is_stale = false;
  {
    const auto state = state_.lock();
    if (!state->refuses) return {};
    min_tls_sessions = state->min_tls_sessions;
    is_stale = std::exchange(state->is_stale, false);
  }
  const std::int64_t generation = TRY(store.forget_generation());
  const auto begin = Steady::now();
  if (!is_stale && generation == refreshed->forget_generation && begin < refreshed->next) return {};
  auto known = TRY(read(store, min_tls_sessions));
  state_.lock()->known = std::move(known);
  const auto end = Steady::now();
  *refreshed = {.forget_generation = generation, .next = end + (end - begin) * refresh_share};
  return {};
}

bool KnownSenders::refuses_plaintext(const std::string& client_name) const {
  std::shared_ptr<const Domains> known;
  {
    const auto state = state_.lock();
    if (!state->refuses || state->known->empty()) return false;
    known = state->known;
  }
  const std::string domain = sending_domain_(client_name);
  return !domain.empty() && known->contains(domain) && !state_.lock()->exempt.contains(domain);
}

}  // namespace starttls::milter
