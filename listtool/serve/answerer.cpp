#include "listtool/serve/answerer.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace starttls::listtool::serve {
namespace {

// Postfix also asks for ".parent" after each domain.
bool is_never_domain(std::string_view key, Dialect dialect) {
  if (key.empty() || key.front() == '.') return true;
  return !socketmap_dialect(dialect).next_hops && key.find_first_of("[:") != key.npos;
}

// Postfix delivers to names with underscores, which DomainName rejects. No policy host can have such a name,
// but DANE may apply to their MX hosts.
bool has_underscores_only(std::string_view key) {
  std::string name(key);
  std::ranges::replace(name, '_', 'x');
  return name != key && NextHop::parse(name).has_value();
}

}  // namespace

std::array<std::chrono::milliseconds, dialects> max_answer_times() {
  std::array<std::chrono::milliseconds, dialects> times{};
  for (std::size_t i = 0; i < dialects; ++i)
    times[i] = socketmap_dialect(static_cast<Dialect>(i)).max_answer_time;
  return times;
}

Answerer::Answerer(AnswererLimits limits, Counters& counters, std::function<void(LookupRequest)> ask)
    : limits_(limits), counters_(counters), ask_(std::move(ask)), table_(limits.table) {}

std::string_view Answerer::counted(const Reply& reply, Dialect dialect) {
  counters_.requests[static_cast<std::size_t>(dialect)][static_cast<std::size_t>(reply.outcome)].add();
  return reply.bytes;
}

// The reply for a key that is no next-hop with a policy domain.
const Reply& Answerer::reply_without_next_hop(std::string_view key, Dialect dialect) const {
  const bool may_have_dane = limits_.dane && !limits_.wait_for_dane && socketmap_dialect(dialect).dane;
  return may_have_dane && has_underscores_only(key) ? opportunistic_dane_ : no_policy_;
}

void Answerer::ask(NextHop next_hop, std::shared_ptr<const Replies> known) {
  asked_.try_emplace(next_hop.str());
  ask_({.next_hop = std::move(next_hop), .known = std::move(known)});
}

std::string_view Answerer::from(AnswerTable::Entry& entry, std::string_view key, Dialect dialect) {
  const Replies& replies = *entry.replies;
  if (!is_usable(replies) || replies.for_dialect(dialect).bytes.empty()) return {};
  if (now_ >= replies.fresh_until && !entry.asked_for) {
    entry.asked_for = true;
    ask(*NextHop::parse(key), entry.replies);
  }
  counters_.hits.add();
  const Reply& reply = replies.for_dialect(dialect);
  if (reply.outcome == Outcome::policy) {
    counters_.policies[static_cast<std::size_t>(replies.source_for(dialect))].add();
  }
  return counted(reply, dialect);
}

// A key in another form than NextHop::str() is not found here.
std::string_view Answerer::from_table(std::string_view key, Dialect dialect) {
  AnswerTable::Entry* const entry = table_.find(key);
  return entry == nullptr ? std::string_view{} : from(*entry, key, dialect);
}

std::string_view Answerer::answer(const Request& request, ReplyListener& listener,
                                  std::shared_ptr<PendingReply>& pending) {
  const Dialect dialect = parse_dialect(request.map);
  if (is_never_domain(request.key, dialect)) {
    counters_.not_domains.add();
    return counted(no_policy_, dialect);
  }
  if (const auto reply = from_table(request.key, dialect); !reply.empty()) return reply;
  const auto next_hop = NextHop::parse(request.key);
  if (!next_hop) {
    counters_.not_domains.add();
    return counted(reply_without_next_hop(request.key, dialect), dialect);
  }
  if (next_hop->str() != request.key) {
    if (const auto reply = from_table(next_hop->str(), dialect); !reply.empty()) return reply;
  }
  if (waiting_ >= limits_.max_waiting) {
    counters_.overloaded.add();
    return counted(overloaded_, dialect);
  }
  wait(*next_hop, dialect, listener, pending);
  return {};
}

void Answerer::wait(const NextHop& next_hop, Dialect dialect, ReplyListener& listener,
                    std::shared_ptr<PendingReply>& pending) {
  counters_.misses.add();
  pending = std::make_shared<PendingReply>(PendingReply{.bytes = {}, .listener = &listener});
  const auto [asked, is_new] = asked_.try_emplace(next_hop.str());
  asked->second.push_back({.pending = pending, .dialect = dialect, .deadline = {}});
  const auto waiter = std::prev(asked->second.end());
  const auto longest =
      std::min(limits_.answer_timeout, limits_.max_answer_time[static_cast<std::size_t>(dialect)]);
  Deadlines& deadlines = dialect_deadlines(dialect);
  deadlines.push_back({.moment = moment() + longest, .asked = &*asked, .waiter = waiter});
  waiter->deadline = std::prev(deadlines.end());
  if (deadlines.size() == 1) deadline_is_nearer();
  counters_.waiting.set(++waiting_);
  if (!is_new) return;
  AnswerTable::Entry* const entry = table_.find(next_hop.str());
  if (entry != nullptr) entry->asked_for = true;
  ask(next_hop, entry == nullptr ? nullptr : entry->replies);
}

// The waiter must already be removed from its lists.
void Answerer::complete_waiter(PendingReply& pending, const Reply& reply, Dialect dialect) {
  counters_.waiting.set(--waiting_);
  ReplyListener* const listener = pending.listener;
  const bool has_room = listener == nullptr || listener->has_room(pending);
  if (!has_room) counters_.overloaded.add();
  pending.bytes = counted(has_room ? reply : no_room_, dialect);
  if (listener != nullptr) listener->reply_arrived(pending);
}

void Answerer::answer_waiters(const LookupResult& result) {
  const auto found = asked_.find(result.next_hop.str());
  if (found == asked_.end()) return;
  Waiters answered;
  for (auto waiter = found->second.begin(); waiter != found->second.end();) {
    const auto next = std::next(waiter);
    const bool known = !result.replies->for_dialect(waiter->dialect).bytes.empty();
    if (known || result.last) answered.splice(answered.end(), found->second, waiter);
    waiter = next;
  }
  if (result.last) asked_.erase(found);
  for (const Waiter& waiter : answered) dialect_deadlines(waiter.dialect).erase(waiter.deadline);
  for (const Waiter& waiter : answered) {
    const Reply& reply = result.replies->for_dialect(waiter.dialect);
    complete_waiter(*waiter.pending, reply.bytes.empty() ? too_late_ : reply, waiter.dialect);
  }
}

void Answerer::deliver(const LookupResult& result) {
  const std::string& key = result.next_hop.str();
  AnswerTable::Entry* const before = table_.find(key);
  // A domain that no server asked for needs no entry.
  if (!result.asked_for && before == nullptr) return;
  if (result.keep) {
    const bool asked_for = before != nullptr && before->asked_for;
    table_.put(key, result.replies).asked_for = result.asked_for ? !result.last : asked_for;
  } else if (before != nullptr && result.last) {
    before->asked_for = false;
  }
  counters_.domains.set(table_.domains());
  counters_.table_bytes.set(table_.bytes());
  counters_.evicted.set(table_.evicted());
  if (result.asked_for) answer_waiters(result);
}

std::optional<SteadyTime> Answerer::next_deadline() const {
  std::optional<SteadyTime> next;
  for (const Deadlines& deadlines : deadlines_) {
    if (!deadlines.empty() && (!next || deadlines.front().moment < *next)) next = deadlines.front().moment;
  }
  return next;
}

// The DNS of a domain may be slower than max_answer_time for every request. "Try again" for every request
// would then defer its mail for ever. If the last look-up found that nothing is demanded, Postfix now looks
// for DANE itself, since there may be DANE by now. A demand from the last look-up is not used: it may have
// expired.
const Reply& Answerer::overdue_reply(const std::string& key, Dialect dialect) {
  const AnswerTable::Entry* const entry = table_.find(key);
  if (entry == nullptr || !entry->replies->facts || entry->replies->generation != generation_)
    return too_late_;
  const Reply& last = entry->replies->for_dialect(dialect);
  const bool demands_nothing = last.bytes == no_policy_.bytes || last.bytes == opportunistic_dane_.bytes;
  if (!demands_nothing) return too_late_;
  if (!socketmap_dialect(dialect).dane || !limits_.dane) return no_policy_;
  return limits_.wait_for_dane ? too_late_ : opportunistic_dane_;
}

void Answerer::expire(SteadyTime now) {
  for (Deadlines& deadlines : deadlines_) {
    while (!deadlines.empty() && deadlines.front().moment <= now) {
      const Deadline first = deadlines.front();
      const Waiter waiter = std::move(*first.waiter);
      deadlines.pop_front();
      first.asked->second.erase(first.waiter);
      const Reply& reply = overdue_reply(first.asked->first, waiter.dialect);
      if (&reply == &too_late_) counters_.too_late.add();
      complete_waiter(*waiter.pending, reply, waiter.dialect);
    }
  }
}

}  // namespace starttls::listtool::serve
