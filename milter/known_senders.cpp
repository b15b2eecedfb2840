#include "milter/known_senders.h"

#include <utility>

namespace starttls::milter {
namespace {

// Reading all senders takes no more than this part of the time.
constexpr int refresh_share = 20;

}  // namespace

KnownSenders::KnownSenders(store::SendingDomainFinder sending_domain)
    : sending_domain_(std::move(sending_domain)) {}

Result<void> KnownSenders::configure(const config::TlsrptConfig& configuration,
                                     const store::StoreOpener& open_store) {
  const bool refuses = configuration.on_downgrade == config::OnDowngrade::tempfail;
  std::shared_ptr<const Domains> known;
  Result<void> done;
  if (refuses && open_store) {
    const auto store = open_store();
    auto found = store ? read(**store, configuration.downgrade_after) : std::unexpected(store.error());
    if (found) {
      known = std::move(*found);
    } else {
      done = std::unexpected(found.error());
    }
  }
  const std::lock_guard guard(mutex_);
  refuses_ = refuses;
  least_tls_sessions_ = configuration.downgrade_after;
  stale_ = true;
  exempt_.clear();
  for (const DomainName& domain : configuration.downgrade_exempt) exempt_.insert(domain.str());
  if (known) known_ = std::move(known);
  return done;
}

Result<std::shared_ptr<const KnownSenders::Domains>> KnownSenders::read(store::Store& store,
                                                                        std::uint64_t least_tls_sessions) {
  const auto senders = store.senders(least_tls_sessions);
  if (!senders) return std::unexpected(senders.error());
  auto known = std::make_shared<Domains>();
  known->reserve(senders->size());
  for (const auto& [domain, sender] : *senders) known->insert(domain);
  return known;
}

std::optional<KnownSenders::Need> KnownSenders::need() {
  const std::lock_guard guard(mutex_);
  if (!refuses_) return std::nullopt;
  return Need{.least_tls_sessions = least_tls_sessions_, .stale = std::exchange(stale_, false)};
}

void KnownSenders::set(std::shared_ptr<const Domains> known) {
  const std::lock_guard guard(mutex_);
  known_ = std::move(known);
}

Result<void> KnownSenders::refresh(store::Store& store) {
  const std::lock_guard refreshing(refresh_mutex_);
  const auto needed = need();
  if (!needed) return {};
  const auto forget_generation = store.forget_generation();
  if (!forget_generation) return std::unexpected(forget_generation.error());
  const auto begin = Steady::now();
  if (!needed->stale && *forget_generation == forget_generation_ && begin < next_refresh_) return {};
  auto known = read(store, needed->least_tls_sessions);
  if (!known) return std::unexpected(known.error());
  set(std::move(*known));
  forget_generation_ = *forget_generation;
  const auto end = Steady::now();
  next_refresh_ = end + (end - begin) * refresh_share;
  return {};
}

bool KnownSenders::refuses_plaintext(const std::string& client_name) const {
  std::shared_ptr<const Domains> known;
  {
    const std::lock_guard guard(mutex_);
    if (!refuses_ || known_->empty()) return false;
    known = known_;
  }
  const std::string domain = sending_domain_(client_name);
  if (domain.empty() || !known->contains(domain)) return false;
  const std::lock_guard guard(mutex_);
  return !exempt_.contains(domain);
}

}  // namespace starttls::milter
