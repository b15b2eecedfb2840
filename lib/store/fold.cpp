#include "store/fold.h"

#include <algorithm>
#include <iterator>
#include <set>
#include <string_view>
#include <utility>

#include "base/try.h"
#include "journal/segment.h"
#include "store/log_position.h"

namespace starttls::store {
namespace {

// Waiting records are stored as in the journal, one record on each line.
std::string to_lines(const Waiting& waiting) {
  std::string lines;
  for (const session::Session& session : waiting.sessions) lines += encode(session) + "\n";
  for (const LogEvent& event : waiting.events) lines += encode(event) + "\n";
  return lines + waiting.services.to_lines();
}

// Ignores records that cannot be read: they cannot be recovered.
void add_lines(Waiting& waiting, std::string_view lines) {
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    lines.remove_prefix(std::min(lines.size(), line.size() + 1));
    if (waiting.services.add_line(line)) continue;
    auto record = decode_record(line);
    if (!record) continue;
    if (auto* session = std::get_if<session::Session>(&*record))
      waiting.sessions.push_back(std::move(*session));
    if (auto* event = std::get_if<LogEvent>(&*record); event != nullptr && event->failure)
      waiting.events.push_back(std::move(*event));
  }
}

Waiting together(std::string_view before, Waiting more) {
  Waiting all;
  add_lines(all, before);
  std::ranges::move(more.sessions, std::back_inserter(all.sessions));
  std::ranges::move(more.events, std::back_inserter(all.events));
  return all;
}

// One fold, from the content of the segments to the rows to write.
class Folding {
 public:
  Folding(FoldTransaction& to, SegmentContent content, const FoldRules& rules)
      : to_(to), content_(std::move(content)), rules_(rules) {}

  Result<FoldOutcome> run(Time journal_time) {
    for (const auto& [of, count] : content_.counts) outcome_.sessions += count.total.sessions;
    TRY(join_waiting(journal_time));
    TRY(judge_plaintext());
    TRY(to_.add(content_.counts));
    TRY(to_.add(content_.senders));
    if (!downgrades_.empty()) TRY(add_downgrades());
    outcome_.added = true;
    return std::move(outcome_);
  }

 private:
  Result<void> join_waiting(Time journal_time) {
    const auto before = TRY(to_.waiting());
    if (before.empty() && content_.waiting.empty()) return {};
    const Joined joined = join(together(before, std::move(content_.waiting)), journal_time);
    for (const session::Session& session : joined.counted) {
      count(session);
      if (session.failure != session::HandshakeFailure::none) ++outcome_.failed;
    }
    outcome_.waiting = joined.waiting.size();
    outcome_.uncounted = joined.uncounted;
    const std::string after = to_lines(joined.waiting);
    return after == before ? Result<void>() : to_.set_waiting(after);
  }

  Result<void> judge_plaintext() {
    if (content_.plaintext.empty()) return {};
    std::set<std::string> domains;
    for (const auto& plaintext : content_.plaintext) domains.insert(plaintext.sender);
    const auto known = TRY(to_.senders(domains));
    for (const auto& [session, domain, before] : content_.plaintext) {
      const auto found = known.find(domain);
      Sender sender = before;
      if (found != known.end()) add(sender, found->second);
      const bool downgraded = sender.tls_sessions >= rules_.downgrade_after;
      count(session, downgraded);
      if (downgraded) note_downgrade(domain, sender, session);
    }
    return {};
  }

  void note_downgrade(const std::string& domain, const Sender& sender, const session::Session& session) {
    const Day day = to_day(session.begin);
    ++outcome_.downgraded;
    auto [at, is_new] = downgrades_.try_emplace({domain, day});
    Downgrade& downgrade = at->second;
    if (is_new) {
      downgrade = {.sender = domain,
                   .day = day,
                   .first_plaintext = session.begin,
                   .last_tls = sender.last_tls,
                   .best_tls = sender.best_tls,
                   .tls_sessions = sender.tls_sessions};
      if (sender.last_downgrade != day) outcome_.downgrades.push_back(downgrade);
    }
    ++downgrade.sessions;
    add(content_.senders[domain], {.last_downgrade = day});
  }

  Result<void> add_downgrades() {
    std::vector<Downgrade> all;
    all.reserve(downgrades_.size());
    for (auto& [key, downgrade] : downgrades_) all.push_back(std::move(downgrade));
    return to_.add(all);
  }

  void count(const session::Session& session, bool downgraded = false) {
    add(content_.counts, session, downgraded);
    ++outcome_.sessions;
  }

  FoldTransaction& to_;
  SegmentContent content_;
  const FoldRules& rules_;
  std::map<std::pair<std::string, Day>, Downgrade> downgrades_;
  FoldOutcome outcome_;
};

}  // namespace

void SegmentContent::add(Record record) {
  ++records;
  if (auto* session = std::get_if<session::Session>(&record)) return add_session(std::move(*session));
  auto& event = std::get<LogEvent>(record);
  if (!position || position->number < event.position.number) position = event.position;
  if (event.failure) waiting.events.push_back(std::move(event));
}

void SegmentContent::add_session(session::Session session) {
  if (session.awaits_log) {
    waiting.sessions.push_back(std::move(session));
    return;
  }
  if (session.excluded) return;
  // A connection without mail shows little about how its sender sends mail.
  const bool has_mail = session.transactions > 0 && !session.client_name.empty();
  const std::string* sender = has_mail ? &find_sender(session.client_name) : nullptr;
  if (sender == nullptr || sender->empty() || is_forgotten(*sender, session.end))
    return store::add(counts, std::move(session));
  if (session_outcome(session) == session::Outcome::plaintext) {
    const auto known = senders.find(*sender);
    plaintext.push_back({.session = std::move(session),
                         .sender = *sender,
                         .before = known == senders.end() ? Sender() : known->second});
    return;
  }
  store::add(senders[*sender],
             {.tls_sessions = 1, .last_tls = session.begin, .best_tls = session.tls_version});
  store::add(counts, std::move(session));
}

bool SegmentContent::is_forgotten(const std::string& sender, Time end) const {
  const auto found = forgotten_.find(sender);
  return found != forgotten_.end() && end <= found->second;
}

const std::string& SegmentContent::find_sender(const std::string& client_name) {
  const auto [at, is_new] = senders_of_names_.try_emplace(client_name);
  if (is_new) at->second = (*sending_domain_)(client_name);
  return at->second;
}

Result<FoldOutcome> fold(Store& store, const std::vector<std::string>& segments, const ReadSegment& read,
                         const SendingDomainFinder& sending_domain, Time now, const FoldRules& rules) {
  const auto transaction = TRY(store.begin_fold());
  auto forgotten = TRY(transaction->forgotten());
  SegmentContent content(sending_domain, std::move(forgotten));
  SegmentContent folded_before(sending_domain);
  std::vector<std::string> added;
  for (const std::string& segment : segments) {
    const auto known = TRY(transaction->is_folded(segment));
    if (read(segment, known ? folded_before : content) && !known) added.push_back(segment);
  }
  const auto position = further(content.position, folded_before.position);
  if (added.empty()) return FoldOutcome{.position = position};
  auto outcome =
      TRY(Folding(*transaction, std::move(content), rules).run(journal::segment_time(added.back())));
  outcome.position = position;
  for (const std::string& segment : added) TRY(transaction->record(segment, now));
  TRY(transaction->commit());
  return outcome;
}

Result<FoldOutcome> fold(Store& store, const std::string& segment, SegmentContent content, Time journal_time,
                         Time now, const FoldRules& rules) {
  const auto transaction = TRY(store.begin_fold());
  if (TRY(transaction->is_folded(segment))) return FoldOutcome{};
  auto outcome = TRY(Folding(*transaction, std::move(content), rules).run(journal_time));
  TRY(transaction->record(segment, now));
  TRY(transaction->commit());
  return outcome;
}

Result<FoldOutcome> count_waiting(Store& store, Time now, const FoldRules& rules) {
  const auto transaction = TRY(store.begin_fold());
  const SendingDomainFinder none = [](const std::string&) { return std::string(); };
  auto outcome = TRY(Folding(*transaction, SegmentContent(none), rules).run(now));
  TRY(transaction->commit());
  return outcome;
}

DailyCounts unfolded_counts(const Snapshot& snapshot, SegmentContent unfolded, const Period& period) {
  DailyCounts counts;
  const auto count = [&](const session::Session& session) {
    if (!session.excluded && period.contains(to_day(session.begin))) add(counts, session);
  };
  for (const auto& [of, tally] : unfolded.counts) {
    if (period.contains(of.day)) add(counts, DailyCounts{{of, tally}});
  }
  for (const auto& plaintext : unfolded.plaintext) count(plaintext.session);
  // The journal and each snapshot belong to one writer each. They can be joined together here: addresses and
  // times decide.
  Waiting all = std::move(unfolded.waiting);
  for (const std::string& lines : snapshot.waiting) add_lines(all, lines);
  // The session of a single failure may still be recorded later.
  const Joined joined = join(std::move(all), std::nullopt);
  for (const session::Session& session : joined.counted) count(session);
  for (const session::Session& session : joined.waiting.sessions) count(session);
  return counts;
}

}  // namespace starttls::store
