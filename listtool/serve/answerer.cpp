#include "listtool/serve/answerer.h"

#include <utility>

namespace starttls::listtool::socketmap {
namespace {

// What Postfix asks with and what can be no domain: ".parent", "[host]", "[host]:port", "host:port". With a
// port it is a next-hop that the operator configured, for which nobody publishes a policy.
bool is_no_domain(std::string_view key) {
  return key.empty() || key.front() == '.' || key.front() == '[' || key.find(':') != key.npos;
}

}  // namespace

Answerer::Answerer(AnswererLimits limits, Counters& counters, std::function<void(Question)> ask)
    : limits_(limits), counters_(counters), ask_(std::move(ask)), table_(limits.table) {}

std::string_view Answerer::counted(const Reply& reply, Dialect dialect) {
  counters_.requests[static_cast<std::size_t>(dialect)][static_cast<std::size_t>(reply.outcome)].add();
  return reply.bytes;
}

void Answerer::ask(DomainName domain, std::shared_ptr<const Replies> known) {
  asked_.try_emplace(domain.str());
  ask_({.domain = std::move(domain), .known = std::move(known)});
}

std::string_view Answerer::from(AnswerTable::Entry& entry, std::string_view domain, Dialect dialect) {
  const Replies& replies = *entry.replies;
  if (!is_usable(replies) || replies.for_dialect(dialect).bytes.empty()) return {};
  if (now_ >= replies.fresh_until && !entry.asked_for) {
    entry.asked_for = true;
    ask(*DomainName::parse(domain), entry.replies);
  }
  counters_.hits.add();
  const Reply& reply = replies.for_dialect(dialect);
  if (reply.outcome == Outcome::policy) {
    counters_.policies[static_cast<std::size_t>(replies.source_for(dialect))].add();
  }
  return counted(reply, dialect);
}

// A key that is not written as a DomainName is merely not found.
std::string_view Answerer::from_table(std::string_view key, Dialect dialect) {
  AnswerTable::Entry* const entry = table_.find(key);
  return entry == nullptr ? std::string_view{} : from(*entry, key, dialect);
}

std::string_view Answerer::answer(const Request& request, ReplyTaker& taker,
                                  std::shared_ptr<PendingReply>& pending) {
  const Dialect dialect = dialect_of(request.map);
  if (is_no_domain(request.key)) {
    counters_.not_domains.add();
    return counted(no_policy_, dialect);
  }
  if (const auto reply = from_table(request.key, dialect); !reply.empty()) return reply;
  const auto domain = DomainName::parse(request.key);
  if (!domain) {
    counters_.not_domains.add();
    return counted(no_policy_, dialect);
  }
  if (domain->str() != request.key) {
    if (const auto reply = from_table(domain->str(), dialect); !reply.empty()) return reply;
  }
  if (waiting_ >= limits_.waiting) {
    counters_.overloaded.add();
    return counted(overloaded_, dialect);
  }
  wait(*domain, dialect, taker, pending);
  return {};
}

void Answerer::wait(const DomainName& domain, Dialect dialect, ReplyTaker& taker,
                    std::shared_ptr<PendingReply>& pending) {
  counters_.misses.add();
  pending = std::make_shared<PendingReply>(PendingReply{.bytes = {}, .taker = &taker});
  const bool for_sendmail = dialect == Dialect::sendmail;
  auto& deadlines = for_sendmail ? sendmail_deadlines_ : deadlines_;
  deadlines.push_back(
      {.moment = moment() + (for_sendmail ? limits_.sendmail_timeout : limits_.answer_timeout),
       .domain = domain.str(),
       .pending = pending,
       .dialect = dialect});
  if (deadlines.size() == 1) deadline_is_nearer();
  counters_.waiting.set(++waiting_);
  const bool is_asked = asked_.contains(domain.str());
  asked_[domain.str()].push_back({.pending = pending, .dialect = dialect});
  if (is_asked) return;
  AnswerTable::Entry* const entry = table_.find(domain.str());
  if (entry != nullptr) entry->asked_for = true;
  ask(domain, entry == nullptr ? nullptr : entry->replies);
}

void Answerer::settle(PendingReply& pending, const Reply& reply, Dialect dialect) {
  pending.bytes = counted(reply, dialect);
  counters_.waiting.set(--waiting_);
  if (pending.taker != nullptr) pending.taker->reply_arrived();
}

void Answerer::answer_waiters(const News& news) {
  const auto found = asked_.find(news.domain.str());
  if (found == asked_.end()) return;
  std::vector<Waiter> still_waiting;
  std::vector<Waiter> answered;
  for (Waiter& waiter : found->second) {
    if (waiter.pending->is_there()) continue;
    const bool known = !news.replies->for_dialect(waiter.dialect).bytes.empty();
    (known ? answered : still_waiting).push_back(std::move(waiter));
  }
  if (news.last) {
    asked_.erase(found);
  } else {
    found->second = std::move(still_waiting);
  }
  for (const Waiter& waiter : answered) {
    settle(*waiter.pending, news.replies->for_dialect(waiter.dialect), waiter.dialect);
  }
}

void Answerer::deliver(const News& news) {
  const std::string& domain = news.domain.str();
  AnswerTable::Entry* const before = table_.find(domain);
  // Of a domain that nobody asks about there is nothing to be known.
  if (!news.asked_for && before == nullptr) return;
  if (news.keep) {
    const bool asked_for = before != nullptr && before->asked_for;
    table_.put(domain, news.replies).asked_for = news.asked_for ? !news.last : asked_for;
  } else if (before != nullptr && news.last) {
    before->asked_for = false;
  }
  counters_.domains.set(table_.domains());
  counters_.table_bytes.set(table_.bytes());
  counters_.evicted.set(table_.evicted());
  if (news.asked_for) answer_waiters(news);
}

std::optional<Moment> Answerer::next_deadline() const {
  std::optional<Moment> next;
  for (const auto* deadlines : {&deadlines_, &sendmail_deadlines_}) {
    if (!deadlines->empty() && (!next || deadlines->front().moment < *next)) next = deadlines->front().moment;
  }
  return next;
}

// Where the DNS of a domain takes longer than an answer may, every time, to be told "try again" every time
// would be to keep its mail for ever. What is demanded of others is never told late: it may have ended.
const Reply& Answerer::late_reply(const std::string& domain, Dialect dialect) {
  const AnswerTable::Entry* const entry = table_.find(domain);
  if (entry == nullptr || !entry->replies->facts || entry->replies->generation != generation_)
    return too_late_;
  const Reply& last = entry->replies->for_dialect(dialect);
  return last.outcome == Outcome::no_policy && !last.bytes.empty() ? last : too_late_;
}

void Answerer::expire(Moment now) {
  for (auto* deadlines : {&deadlines_, &sendmail_deadlines_}) {
    while (!deadlines->empty()) {
      const Deadline first = deadlines->front();
      const auto pending = first.pending.lock();
      const bool waits = pending && !pending->is_there();
      if (waits && now < first.moment) break;
      deadlines->pop_front();
      if (!waits) continue;
      const Reply& reply = late_reply(first.domain, first.dialect);
      if (&reply == &too_late_) counters_.too_late.add();
      settle(*pending, reply, first.dialect);
    }
  }
}

}  // namespace starttls::listtool::socketmap
