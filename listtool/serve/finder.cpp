#include "listtool/serve/finder.h"

#include <algorithm>
#include <utility>

namespace starttls::listtool::serve {
namespace {

constexpr Time never = Time::max();

bool is_unknown(const discovery::DomainFacts& facts, const mtasts::FetchedPolicy* mta_sts) {
  const bool dane_unknown = facts.dane && facts.dane->status == dane::DaneStatus::unknown;
  return dane_unknown ||
         (mta_sts == nullptr && facts.mta_sts.record.kind == mtasts::RecordState::Kind::unknown);
}

// How long an answer may still be given after its facts are no longer fresh, while they are asked for anew.
std::chrono::seconds patience_with(const policy::Decision& answer, const Basis& basis, bool asks_for_dane,
                                   std::chrono::seconds patience) {
  constexpr std::chrono::seconds none_left{0};
  if (answer.mode == policy::Mode::undecided) return none_left;
  if (answer.source != policy::Source::none) return patience;
  // What is not known is not "no", and DANE may have come.
  return asks_for_dane || is_unknown(*basis.facts, basis.mta_sts) ? none_left : patience;
}

// When the source itself ends.
Time end_of(const policy::Decision& answer, const Basis& basis) {
  if (answer.source == policy::Source::mta_sts) return basis.mta_sts->expires();
  if (answer.source == policy::Source::list) return answer.expires.value_or(never);
  return never;
}

Time usable_until(const policy::Decision& answer, const Basis& basis, bool asks_for_dane, Time now,
                  std::chrono::seconds patience) {
  if (answer.source == policy::Source::overrides) return never;
  const Time end = end_of(answer, basis);
  const bool rests_on_facts = asks_for_dane || end == never;
  if (!rests_on_facts) return end;
  const Time fresh_until = basis.facts ? basis.facts->fresh_until : now;
  return std::min(end, fresh_until + patience_with(answer, basis, asks_for_dane, patience));
}

policy::Decision decided(const Basis& basis, bool asks_for_dane, const Rules& rules) {
  policy::Inputs known{.override_entry = basis.override_entry,
                       .mta_sts = basis.mta_sts,
                       .list_entry = basis.list_entry,
                       .early_adopter = rules.early_adopter,
                       .wait_for_dane = rules.wait_for_dane};
  if (asks_for_dane) known.dane = basis.dane;
  return policy::decide(known);
}

// That nobody has said anything yet is no answer, and for who can do DANE nothing is before that.
bool is_known(const policy::Decision& answer, const Basis& basis, bool asks_for_dane) {
  if (basis.override_entry || basis.facts) return true;
  if (asks_for_dane) return basis.dane && dane::has_usable_tlsa(basis.dane->status);
  return answer.source != policy::Source::none;
}

// Why a policy that the domain announces is not known, where mail is to wait for that.
std::optional<mtasts::FailureType> held_by(const Basis& basis, const policy::Decision& answer,
                                           const Rules& rules) {
  const bool has_usable_tlsa =
      answer.source == policy::Source::dane && dane::has_usable_tlsa(basis.dane->status);
  const bool is_open = answer.source == policy::Source::none || answer.source == policy::Source::dane;
  if (!rules.hold_without_policy || !is_open || has_usable_tlsa || !basis.facts) return std::nullopt;
  const discovery::MtaStsDiscovery& found = basis.facts->mta_sts;
  if (found.record.kind != mtasts::RecordState::Kind::record || !found.policy_state.failure)
    return std::nullopt;
  return found.policy_state.failure->type;
}

// Whether there is an MTA-STS policy was not found out, as others were in the way, and nothing else that is
// known is as good as one.
bool is_put_off(const Basis& basis, const policy::Decision& answer) {
  if (!basis.facts || basis.facts->mta_sts.put_off.empty() || basis.mta_sts != nullptr) return false;
  if (answer.source == policy::Source::none) return true;
  return answer.source == policy::Source::dane && !dane::has_usable_tlsa(basis.dane->status);
}

bool says_anything(const Replies& replies) {
  return std::ranges::any_of(replies.of, [](const Reply& reply) { return !reply.bytes.empty(); });
}

}  // namespace

Replies replies_for(const NextHop& next_hop, const Basis& basis, const Rules& rules, Time now,
                    const FinderLimits& limits) {
  Replies replies;
  replies.facts = basis.facts;
  replies.fresh_until = basis.override_entry ? never : basis.facts ? basis.facts->fresh_until : now;
  replies.usable_until = never;
  for (std::size_t i = 0; i < dialects; ++i) {
    const auto dialect = static_cast<Dialect>(i);
    const bool asks_for_dane = limits.dane && dialect != Dialect::sendmail;
    const policy::Decision answer = decided(basis, asks_for_dane, rules);
    if (!is_known(answer, basis, asks_for_dane)) continue;
    if (is_put_off(basis, answer)) {
      replies.of[i] = trouble(basis.facts->mta_sts.put_off);
      continue;
    }
    const auto failure = held_by(basis, answer, rules);
    replies.of[i] = failure ? held(dialect, next_hop.domain(), *failure)
                            : reply_for(dialect, next_hop, answer, basis.mta_sts, rules);
    replies.source[i] = answer.source;
    replies.usable_until =
        std::min(replies.usable_until, usable_until(answer, basis, asks_for_dane, now, limits.patience));
  }
  return replies;
}

Finder::Finder(event::Loop& loop, PolicyLookups knowing, Clock clock, Counters& counters, FinderLimits limits,
               Tell tell)
    : loop_(loop),
      lookups_(std::move(knowing)),
      clock_(std::move(clock)),
      counters_(counters),
      limits_(limits),
      tell_(std::move(tell)),
      version_(lookups_.version()),
      admission_(loop, limits.admission) {}

void Finder::use(std::shared_ptr<const Lists> lists, Rules rules) {
  lists_ = std::move(lists);
  rules_ = rules;
  next_generation();
}

void Finder::next_generation() {
  counters_.generation.set(++generation_);
  tell_.generation(generation_);
}

Basis Finder::basis_of(const DomainName& domain, std::shared_ptr<const discovery::DomainFacts> facts) const {
  const Time now = clock_();
  Basis basis{.override_entry = lists_->override_entry(domain),
              .list_entry = lists_->list_entry(domain, now)};
  if (facts) {
    basis.dane = facts->dane;
    basis.mta_sts = facts->mta_sts.policy_state.valid(now);
    basis.facts = std::move(facts);
  }
  return basis;
}

std::shared_ptr<Replies> Finder::made_of(const NextHop& next_hop, const Basis& basis) const {
  auto replies = std::make_shared<Replies>(replies_for(next_hop, basis, rules_, clock_(), limits_));
  replies->generation = generation_;
  return replies;
}

// Whether the cache holds what the facts say; else another process has learnt, or was told to forget.
bool Finder::is_cache_of(const discovery::DomainFacts& facts, const DomainName& domain) const {
  const Time now = clock_();
  const auto cached = lookups_.known(domain);
  const mtasts::FetchedPolicy* const here = facts.mta_sts.policy_state.valid(now);
  const mtasts::FetchedPolicy* const there = cached ? cached->valid(now) : nullptr;
  if (here == nullptr || there == nullptr) return here == there;
  return here->text == there->text;
}

void Finder::find_out(LookupRequest question) {
  if (answer_at_once(question)) return;
  event::spawn(examine_and_tell(std::move(question)));
}

// Where nobody need be asked.
bool Finder::answer_at_once(const LookupRequest& question) {
  const auto old = question.known ? question.known->facts : nullptr;
  Basis basis = basis_of(question.next_hop.domain(), old);
  const bool is_fresh = old && clock_() < old->fresh_until && is_cache_of(*old, question.next_hop.domain());
  if (!basis.override_entry && !is_fresh) return false;
  // An override says all there is to say.
  if (basis.override_entry) basis.facts = nullptr;
  tell_.news({.next_hop = question.next_hop, .replies = made_of(question.next_hop, basis)});
  return true;
}

// Of which something was proven before, so that it is not one that somebody made up to hold up others.
bool Finder::was_known(const LookupRequest& question) const {
  const Basis basis = basis_so_far(question.next_hop);
  if (basis.mta_sts != nullptr || basis.list_entry) return true;
  if (basis.dane && dane::has_usable_tlsa(basis.dane->status)) return true;
  const discovery::DomainFacts* const facts = question.known ? question.known->facts.get() : nullptr;
  return facts != nullptr && !is_unknown(*facts, nullptr) && !facts->mta_sts.policy_state.failure;
}

void Finder::wait_for_host(const NextHop& next_hop) {
  admission_.wait_for_host(next_hop);
  counters_.waiting_for_hosts.set(admission_.waiting_for_hosts());
}

void Finder::answer_busy(const LookupRequest& question, Admission::Refusal refusal) {
  auto replies = made_of(question.next_hop, basis_so_far(question.next_hop));
  const bool is_full = refusal == Admission::Refusal::full;
  const Reply busy = trouble(is_full ? "too many domains are being looked up"
                                     : fmt::format("too many domains are being looked up below {}",
                                                   admission_.owners().of(question.next_hop.domain().str())));
  for (Reply& reply : replies->of) {
    if (reply.bytes.empty()) reply = busy;
  }
  (is_full ? counters_.overloaded : counters_.owner_refused).add();
  tell_.news({.next_hop = question.next_hop, .replies = std::move(replies), .keep = false});
}

// What is known without asking anybody.
Basis Finder::basis_so_far(const NextHop& next_hop) const {
  Basis basis = basis_of(next_hop.domain(), nullptr);
  if (auto cached = lookups_.known(next_hop.domain())) {
    basis.cached = std::make_shared<const mtasts::PolicyState>(std::move(*cached));
    basis.mta_sts = basis.cached->valid(clock_());
  }
  if (limits_.dane) basis.dane = lookups_.stored_dane(next_hop);
  return basis;
}

void Finder::tell_so_far(const LookupRequest& question) {
  auto replies = made_of(question.next_hop, basis_so_far(question.next_hop));
  if (!says_anything(*replies)) return;
  tell_.news({.next_hop = question.next_hop, .replies = std::move(replies), .last = false});
}

// What is as good as found out, before anything else.
void Finder::tell_known(const LookupRequest& question) {
  const Time now = clock_();
  if (question.known && question.known->facts &&
      is_cache_of(*question.known->facts, question.next_hop.domain())) {
    auto replies = made_of(question.next_hop, basis_of(question.next_hop.domain(), question.known->facts));
    if (now >= replies->usable_until) return;
    return tell_.news({.next_hop = question.next_hop, .replies = std::move(replies), .last = false});
  }
  Basis basis = basis_so_far(question.next_hop);
  if (basis.mta_sts == nullptr) return;
  // What the DNS says now of DANE goes before what it said once.
  basis.dane.reset();
  tell_.news({.next_hop = question.next_hop, .replies = made_of(question.next_hop, basis), .last = false});
}

event::Task<> Finder::examine_and_tell(LookupRequest question) {
  counters_.under_way.set(++examining_);
  event::Timer head_start(loop_, [&] { tell_so_far(question); });
  bool begun = false;
  const auto begin = [&] {
    if (std::exchange(begun, true)) return;
    tell_known(question);
    head_start.start(limits_.head_start);
  };
  if (const auto refusal = co_await admission_.enter(question.next_hop, was_known(question), begin)) {
    counters_.under_way.set(--examining_);
    co_return answer_busy(question, *refusal);
  }
  begin();
  const auto facts = co_await examine(question.next_hop);
  head_start.stop();
  counters_.under_way.set(--examining_);
  admission_.leave(question.next_hop);
  counters_.waiting_for_hosts.set(admission_.waiting_for_hosts());
  tell_.news({.next_hop = question.next_hop,
              .replies = made_of(question.next_hop, basis_of(question.next_hop.domain(), facts)),
              .keep = facts->mta_sts.put_off.empty()});
}

event::Task<std::shared_ptr<const discovery::DomainFacts>> Finder::examine(NextHop next_hop) {
  auto facts = co_await lookups_.examine(std::move(next_hop));
  counters_.examined.add();
  const discovery::MtaStsDiscovery& mta_sts = facts->mta_sts;
  if (is_unknown(*facts, mta_sts.policy_state.valid(clock_()))) counters_.dns_failures.add();
  if (!mta_sts.put_off.empty()) counters_.put_off.add();
  if (mta_sts.fetched) counters_.fetched.add();
  if (mta_sts.fetched && mta_sts.policy_state.failure) counters_.fetch_failures.add();
  co_return facts;
}

void Finder::tick() {
  const Time now = clock_();
  if (const auto version = lookups_.version(); version != version_) {
    version_ = version;
    next_generation();
  }
  std::erase_if(tried_, [&](const auto& tried) { return now - tried.second >= limits_.refresh_again; });
  if (refreshing_ >= limits_.refreshes) return;
  // Those that were tried in vain are still the longest overdue.
  for (DomainName& domain : lookups_.due(limits_.refreshes + tried_.size())) {
    if (refreshing_ >= limits_.refreshes) return;
    if (tried_.try_emplace(domain.str(), now).second) event::spawn(refresh(std::move(domain)));
  }
}

event::Task<> Finder::refresh(DomainName domain) {
  ++refreshing_;
  const auto facts = co_await examine(domain);
  --refreshing_;
  if (!facts->mta_sts.put_off.empty()) co_return;
  counters_.refreshed.add();
  tell_.news({.next_hop = domain, .replies = made_of(domain, basis_of(domain, facts)), .asked_for = false});
}

}  // namespace starttls::listtool::serve
