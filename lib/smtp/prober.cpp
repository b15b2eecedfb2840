#include "smtp/prober.h"

#include <sys/resource.h>

#include <algorithm>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/public_address.h"
#include "smtp/dialogue.h"
#include "smtp/refusals.h"
#include "smtp/tls.h"

namespace starttls::smtp {
namespace {

using std::chrono::steady_clock;

ProbeFacts facts_without_connection(const ProbeRequest& request, Stop stop, std::string reason) {
  ProbeFacts facts;
  facts.address = request.address;
  facts.port = request.port;
  facts.sni = request.sni;
  facts.stop = stop;
  facts.reason = std::move(reason);
  return facts;
}

ScheduleLimits within_descriptors(ScheduleLimits limits) {
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) == 0) {
    const rlim_t most = descriptors.rlim_cur - descriptors.rlim_cur / 4;
    limits.max_concurrent = static_cast<std::size_t>(std::min<rlim_t>(limits.max_concurrent, most));
  }
  return limits;
}

// Whether the server does not want more connections for now. One that dislikes an injected command says so at
// STARTTLS, which is no reason to stay away.
bool wants_no_more(const ProbeFacts& facts, bool injected) {
  const bool is_refusal = facts.stop == Stop::deferred || facts.stop == Stop::rejected;
  return is_refusal && !(injected && facts.reached >= Step::starttls);
}

}  // namespace

class Prober::Impl {
 public:
  Impl(event::Loop& loop, ProberSettings settings)
      : loop_(loop),
        settings_(settings),
        clients_(
            {.max_chain = settings_.limits.max_chain, .max_chain_bytes = settings_.limits.max_chain_bytes}),
        schedule_(within_descriptors(settings_.schedule)),
        timer_(loop, [this] { start_next(); }) {}

  event::Task<ProbeFacts> probe(ProbeRequest request);

  std::size_t under_way() const { return schedule_.running(); }
  std::size_t waiting() const { return schedule_.waiting(); }

 private:
  event::Task<ProbeFacts> probe_in_turn(const ProbeRequest& request, const std::string& address);
  void start_next();

  event::Loop& loop_;
  ProberSettings settings_;
  TlsClients clients_;
  Schedule schedule_;
  event::Timer timer_;
  std::unordered_map<Schedule::Ticket, event::Completion<bool>*> turns_;
  Refusals refusals_;
};

// The waiting probes start from the loop: one that ends at once would call this again.
void Prober::Impl::start_next() {
  const auto now = steady_clock::now();
  while (const auto ticket = schedule_.try_start(now)) {
    event::Completion<bool>* const turn = turns_.extract(*ticket).mapped();
    loop_.post([turn] { turn->complete(true); });
  }
  const auto next = schedule_.next_start();
  if (!next) return timer_.stop();
  timer_.start(std::chrono::ceil<std::chrono::milliseconds>(*next - now));
}

event::Task<ProbeFacts> Prober::Impl::probe(ProbeRequest request) {
  const std::string address = request.address.text();
  if (!settings_.private_addresses && !is_public(request.address)) {
    co_return facts_without_connection(request, Stop::not_allowed,
                                       address + " is no address of the public Internet");
  }
  const auto ticket = schedule_.enqueue(address, steady_clock::now());
  event::Completion<bool> turn;
  turns_.emplace(ticket, &turn);
  start_next();
  co_await turn;
  ProbeFacts facts = co_await probe_in_turn(request, address);
  schedule_.release(ticket, steady_clock::now());
  start_next();
  co_return facts;
}

event::Task<ProbeFacts> Prober::Impl::probe_in_turn(const ProbeRequest& request, const std::string& address) {
  if (const Refusal* const refused = refusals_.find(address); refused != nullptr) {
    ProbeFacts skipped = facts_without_connection(request, refused->stop, refused->reason);
    skipped.is_skipped = true;
    co_return skipped;
  }
  Dialogue dialogue(loop_, clients_, settings_.limits, request);
  ProbeFacts facts = co_await dialogue.run();
  if (wants_no_more(facts, request.inject))
    refusals_.add(address, {.stop = facts.stop, .reason = facts.reason});
  co_return facts;
}

Prober::Prober(event::Loop& loop, ProberSettings settings) : impl_(std::make_unique<Impl>(loop, settings)) {}

Prober::~Prober() = default;

event::Task<ProbeFacts> Prober::probe(ProbeRequest request) {
  return impl_->probe(std::move(request));
}

std::size_t Prober::under_way() const {
  return impl_->under_way();
}

std::size_t Prober::waiting() const {
  return impl_->waiting();
}

}  // namespace starttls::smtp
