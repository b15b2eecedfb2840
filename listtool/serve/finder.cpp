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

// How long an answer may be used after its facts are no longer fresh, while the domain is looked up again.
std::chrono::seconds max_stale_for(const policy::Decision& answer, const ReplyInputs& inputs,
                                   bool asks_for_dane, std::chrono::seconds max_stale) {
  constexpr std::chrono::seconds none_left{0};
  if (answer.mode == policy::Mode::undecided) return none_left;
  if (answer.source != policy::Source::none) return max_stale;
  // An unknown state is no proof that there is nothing, and there may be DANE by now.
  return asks_for_dane || is_unknown(*inputs.facts, inputs.mta_sts) ? none_left : max_stale;
}

// When the source itself expires.
Time source_end(const policy::Decision& answer, const ReplyInputs& inputs) {
  if (answer.source == policy::Source::mta_sts) return inputs.mta_sts->expires();
  if (answer.source == policy::Source::list) return answer.expires.value_or(never);
  return never;
}

Time usable_until(const policy::Decision& answer, const ReplyInputs& inputs, bool asks_for_dane, Time now,
                  std::chrono::seconds max_stale) {
  if (answer.source == policy::Source::overrides) return never;
  const Time end = source_end(answer, inputs);
  const bool rests_on_facts = asks_for_dane || end == never;
  if (!rests_on_facts) return end;
  const Time fresh_until = inputs.facts ? inputs.facts->fresh_until : now;
  return std::min(end, fresh_until + max_stale_for(answer, inputs, asks_for_dane, max_stale));
}

policy::Decision decided(const ReplyInputs& inputs, bool asks_for_dane, const Rules& rules) {
  policy::Inputs known{.override_entry = inputs.override_entry,
                       .mta_sts = inputs.mta_sts,
                       .list_entry = inputs.list_entry,
                       .early_adopter = rules.early_adopter,
                       .wait_for_dane = rules.wait_for_dane};
  if (asks_for_dane) known.dane = inputs.dane;
  return policy::decide(known);
}

// If no source has answered yet, the answer is not known. For a server that supports DANE, it is not known
// before DANE is.
bool is_known(const policy::Decision& answer, const ReplyInputs& inputs, bool asks_for_dane) {
  if (inputs.override_entry || inputs.facts) return true;
  if (asks_for_dane) return inputs.dane && dane::has_usable_tlsa(inputs.dane->status);
  return answer.source != policy::Source::none;
}

// Why an announced MTA-STS policy is not known, if mail must wait for it.
std::optional<mtasts::FailureType> held_by(const ReplyInputs& inputs, const policy::Decision& answer,
                                           const Rules& rules) {
  const bool has_usable_tlsa =
      answer.source == policy::Source::dane && dane::has_usable_tlsa(inputs.dane->status);
  const bool is_open = answer.source == policy::Source::none || answer.source == policy::Source::dane;
  if (!rules.hold_without_policy || !is_open || has_usable_tlsa || !inputs.facts) return std::nullopt;
  const discovery::MtaStsDiscovery& found = inputs.facts->mta_sts;
  if (found.record.kind != mtasts::RecordState::Kind::record || !found.policy_state.failure)
    return std::nullopt;
  return found.policy_state.failure->type;
}

// Whether the look-up of the MTA-STS policy was cancelled because of other domains, and no other source
// replaces it.
bool is_put_off(const ReplyInputs& inputs, const policy::Decision& answer) {
  if (!inputs.facts || inputs.facts->mta_sts.put_off.empty() || inputs.mta_sts != nullptr) return false;
  if (answer.source == policy::Source::none) return true;
  return answer.source == policy::Source::dane && !dane::has_usable_tlsa(inputs.dane->status);
}

bool says_anything(const Replies& replies) {
  return std::ranges::any_of(replies.of, [](const Reply& reply) { return !reply.bytes.empty(); });
}

}  // namespace

Replies replies_for(const NextHop& next_hop, const ReplyInputs& inputs, const Rules& rules, Time now,
                    const FinderLimits& limits) {
  Replies replies;
  replies.facts = inputs.facts;
  replies.fresh_until = inputs.override_entry ? never : inputs.facts ? inputs.facts->fresh_until : now;
  replies.usable_until = never;
  for (std::size_t i = 0; i < dialects; ++i) {
    const auto dialect = static_cast<Dialect>(i);
    const bool asks_for_dane = limits.dane && socketmap_dialect(dialect).dane;
    const policy::Decision answer = decided(inputs, asks_for_dane, rules);
    if (!is_known(answer, inputs, asks_for_dane)) continue;
    if (is_put_off(inputs, answer)) {
      replies.of[i] = temporary_error(inputs.facts->mta_sts.put_off);
      continue;
    }
    const auto failure = held_by(inputs, answer, rules);
    replies.of[i] = failure ? held_reply(dialect, next_hop.domain(), *failure)
                            : reply_for(dialect, next_hop, answer, inputs.mta_sts, rules);
    replies.source[i] = answer.source;
    replies.usable_until =
        std::min(replies.usable_until, usable_until(answer, inputs, asks_for_dane, now, limits.max_stale));
  }
  return replies;
}

Finder::Finder(event::Loop& loop, PolicyLookups lookups, Clock clock, Counters& counters, FinderLimits limits,
               Callbacks callbacks)
    : loop_(loop),
      lookups_(std::move(lookups)),
      clock_(std::move(clock)),
      counters_(counters),
      limits_(limits),
      callbacks_(std::move(callbacks)),
      version_(lookups_.version()),
      admission_(loop, limits.admission) {}

void Finder::use(std::shared_ptr<const Lists> lists, Rules rules) {
  lists_ = std::move(lists);
  rules_ = rules;
  next_generation();
}

void Finder::next_generation() {
  counters_.generation.set(++generation_);
  callbacks_.set_generation(generation_);
}

ReplyInputs Finder::make_inputs(const DomainName& domain,
                                std::shared_ptr<const discovery::DomainFacts> facts) const {
  const Time now = clock_();
  ReplyInputs inputs{.override_entry = lists_->override_entry(domain),
                     .list_entry = lists_->list_entry(domain, now)};
  if (facts) {
    inputs.dane = facts->dane;
    inputs.mta_sts = facts->mta_sts.policy_state.valid(now);
    inputs.facts = std::move(facts);
  }
  return inputs;
}

std::shared_ptr<Replies> Finder::make_replies(const NextHop& next_hop, const ReplyInputs& inputs) const {
  auto replies = std::make_shared<Replies>(replies_for(next_hop, inputs, rules_, clock_(), limits_));
  replies->generation = generation_;
  return replies;
}

// Whether the cache matches the facts. If not, another process has changed it.
bool Finder::matches_cache(const discovery::DomainFacts& facts, const DomainName& domain) const {
  const Time now = clock_();
  const auto cached = lookups_.known(domain);
  const mtasts::FetchedPolicy* const here = facts.mta_sts.policy_state.valid(now);
  const mtasts::FetchedPolicy* const there = cached ? cached->valid(now) : nullptr;
  if (here == nullptr || there == nullptr) return here == there;
  return here->text == there->text;
}

void Finder::look_up(LookupRequest request) {
  if (answer_immediately(request)) return;
  event::spawn(examine_and_deliver(std::move(request)));
}

// Answers if no DNS query is necessary.
bool Finder::answer_immediately(const LookupRequest& request) {
  const auto old = request.known ? request.known->facts : nullptr;
  ReplyInputs inputs = make_inputs(request.next_hop.domain(), old);
  const bool is_fresh = old && clock_() < old->fresh_until && matches_cache(*old, request.next_hop.domain());
  if (!inputs.override_entry && !is_fresh) return false;
  // An override alone decides.
  if (inputs.override_entry) inputs.facts = nullptr;
  callbacks_.deliver({.next_hop = request.next_hop, .replies = make_replies(request.next_hop, inputs)});
  return true;
}

// Whether something was proven about the domain before. Then it is not a domain that was made up to delay
// others.
bool Finder::was_known(const LookupRequest& request) const {
  const ReplyInputs inputs = known_inputs(request.next_hop);
  if (inputs.mta_sts != nullptr || inputs.list_entry) return true;
  if (inputs.dane && dane::has_usable_tlsa(inputs.dane->status)) return true;
  const discovery::DomainFacts* const facts = request.known ? request.known->facts.get() : nullptr;
  return facts != nullptr && !is_unknown(*facts, nullptr) && !facts->mta_sts.policy_state.failure;
}

void Finder::wait_for_host(const NextHop& next_hop) {
  admission_.wait_for_host(next_hop);
  counters_.waiting_for_hosts.set(admission_.waiting_for_hosts());
}

void Finder::reject_busy(const LookupRequest& request, Admission::Refusal refusal) {
  auto replies = make_replies(request.next_hop, known_inputs(request.next_hop));
  const bool is_full = refusal == Admission::Refusal::full;
  const Reply busy =
      temporary_error(is_full ? "too many domains are being looked up"
                              : fmt::format("too many domains are being looked up below {}",
                                            admission_.owners().of(request.next_hop.domain().str())));
  for (Reply& reply : replies->of) {
    if (reply.bytes.empty()) reply = busy;
  }
  (is_full ? counters_.overloaded : counters_.owner_refused).add();
  callbacks_.deliver({.next_hop = request.next_hop, .replies = std::move(replies), .keep = false});
}

// The inputs that are available without any query.
ReplyInputs Finder::known_inputs(const NextHop& next_hop) const {
  ReplyInputs inputs = make_inputs(next_hop.domain(), nullptr);
  if (auto cached = lookups_.known(next_hop.domain())) {
    inputs.cached = std::make_shared<const mtasts::PolicyState>(std::move(*cached));
    inputs.mta_sts = inputs.cached->valid(clock_());
  }
  if (limits_.dane) inputs.dane = lookups_.stored_dane(next_hop);
  return inputs;
}

void Finder::deliver_partial(const LookupRequest& request) {
  auto replies = make_replies(request.next_hop, known_inputs(request.next_hop));
  if (!says_anything(*replies)) return;
  callbacks_.deliver({.next_hop = request.next_hop, .replies = std::move(replies), .last = false});
}

// Delivers what is reliable enough, before the look-up.
void Finder::deliver_known(const LookupRequest& request) {
  const Time now = clock_();
  if (request.known && request.known->facts &&
      matches_cache(*request.known->facts, request.next_hop.domain())) {
    auto replies =
        make_replies(request.next_hop, make_inputs(request.next_hop.domain(), request.known->facts));
    if (now >= replies->usable_until) return;
    return callbacks_.deliver({.next_hop = request.next_hop, .replies = std::move(replies), .last = false});
  }
  ReplyInputs inputs = known_inputs(request.next_hop);
  if (inputs.mta_sts == nullptr) return;
  // A current DNS answer about DANE replaces a stored one.
  inputs.dane.reset();
  callbacks_.deliver(
      {.next_hop = request.next_hop, .replies = make_replies(request.next_hop, inputs), .last = false});
}

event::Task<> Finder::examine_and_deliver(LookupRequest request) {
  counters_.under_way.set(++examining_);
  event::Timer head_start(loop_, [&] { deliver_partial(request); });
  bool begun = false;
  const auto begin = [&] {
    if (std::exchange(begun, true)) return;
    deliver_known(request);
    head_start.start(limits_.head_start);
  };
  if (const auto refusal = co_await admission_.admit(request.next_hop, was_known(request), begin)) {
    counters_.under_way.set(--examining_);
    co_return reject_busy(request, *refusal);
  }
  begin();
  const auto facts = co_await examine(request.next_hop);
  head_start.stop();
  counters_.under_way.set(--examining_);
  admission_.release(request.next_hop);
  counters_.waiting_for_hosts.set(admission_.waiting_for_hosts());
  callbacks_.deliver(
      {.next_hop = request.next_hop,
       .replies = make_replies(request.next_hop, make_inputs(request.next_hop.domain(), facts)),
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
  std::erase_if(tried_, [&](const auto& tried) { return now - tried.second >= limits_.refresh_retry; });
  if (refreshing_ >= limits_.max_refreshes) return;
  // Domains whose refresh was tried without success are still first in the order.
  for (DomainName& domain : lookups_.due(limits_.max_refreshes + tried_.size())) {
    if (refreshing_ >= limits_.max_refreshes) return;
    if (tried_.try_emplace(domain.str(), now).second) event::spawn(refresh(std::move(domain)));
  }
}

event::Task<> Finder::refresh(DomainName domain) {
  ++refreshing_;
  const auto facts = co_await examine(domain);
  --refreshing_;
  if (!facts->mta_sts.put_off.empty()) co_return;
  counters_.refreshed.add();
  callbacks_.deliver(
      {.next_hop = domain, .replies = make_replies(domain, make_inputs(domain, facts)), .asked_for = false});
}

}  // namespace starttls::listtool::serve
