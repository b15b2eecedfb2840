#include "store/join.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

namespace starttls::store {
namespace {

using namespace std::chrono_literals;

// The log's time may be cut to a whole second.
constexpr auto log_resolution = 1s;
// The MTA writes its last line about a session some moments after it told the milter of the end.
constexpr auto log_slack = 2s;

// Who the client was: by its address where that is kept whole.
const std::string& client_of(const session::Session& session) {
  return session.address_pseudonym.empty() ? session.client_address : session.address_pseudonym;
}
const std::string& client_of(const LogEvent& note) {
  return note.address_pseudonym.empty() ? note.failure->client_address : note.address_pseudonym;
}

Time last_possible(const session::Session& session) {
  // Nobody told us when it really ended.
  return session.end + (session.still_open ? Time::duration(max_join_delay) : Time::duration(log_slack));
}

// By client, the sessions that have no failure yet, as indices.
using ByClient = std::unordered_map<std::string, std::vector<std::size_t>>;

std::optional<std::size_t> take_session_of(const LogEvent& note,
                                           const std::vector<session::Session>& sessions,
                                           ByClient& by_client) {
  const auto found = by_client.find(client_of(note));
  if (found == by_client.end()) return std::nullopt;
  const Time time = note.failure->time;
  std::vector<std::size_t>& candidates = found->second;
  const auto distance = [&](std::size_t i) { return std::chrono::abs(sessions[i].end - time); };
  auto best = candidates.end();
  for (auto at = candidates.begin(); at != candidates.end(); ++at) {
    const session::Session& session = sessions[*at];
    const bool under_way = session.begin <= time + log_resolution && time <= last_possible(session);
    if (under_way && (best == candidates.end() || distance(*at) < distance(*best))) best = at;
  }
  if (best == candidates.end()) return std::nullopt;
  const std::size_t session = *best;
  candidates.erase(best);
  return session;
}

// A session that only the log saw.
session::Session session_of(const LogEvent& note) {
  return {.begin = note.failure->time,
          .end = note.failure->time,
          .receiving_mx = note.receiving_mx,
          .client_address = note.failure->client_address,
          .failure = note.failure->failure};
}

class Joining {
 public:
  Joining(Waiting all, std::optional<Time> journal_time) : all_(std::move(all)), now_(journal_time) {}

  Joined run() {
    result_.waiting.services = std::move(all_.services);
    ByClient by_client;
    for (std::size_t i = 0; i < all_.sessions.size(); ++i)
      by_client[client_of(all_.sessions[i])].push_back(i);
    std::vector<LogEvent> alone;
    for (LogEvent& note : all_.notes) {
      const auto session = take_session_of(note, all_.sessions, by_client);
      if (session) {
        all_.sessions[*session].failure = note.failure->failure;
        learn(note, !all_.sessions[*session].excluded);
      } else {
        alone.push_back(std::move(note));
      }
    }
    // What waits longest goes first where there is too much.
    std::size_t surplus = all_.sessions.size() + alone.size();
    surplus = surplus > max_waiting ? surplus - max_waiting : 0;
    for (session::Session& session : all_.sessions) {
      const bool joined = session.failure != session::HandshakeFailure::none;
      if (joined || surplus > 0 || is_over(session.end)) {
        if (!joined && surplus > 0) --surplus;
        settle(std::move(session));
      } else {
        result_.waiting.sessions.push_back(std::move(session));
      }
    }
    for (LogEvent& note : alone) {
      if (surplus > 0 || is_over(note.failure->time)) {
        if (surplus > 0) --surplus;
        settle_alone(note);
      } else {
        result_.waiting.notes.push_back(std::move(note));
      }
    }
    return std::move(result_);
  }

 private:
  // Also of a time to come: a clock was set back, and nobody waits until it is right again.
  bool is_over(Time time) const {
    return now_ && (time + max_join_delay < *now_ || time > *now_ + max_join_delay);
  }

  void learn(const LogEvent& note, bool is_recorded) {
    result_.waiting.services.add(note.failure->service,
                                 {.recorded = is_recorded ? 1U : 0U, .other = is_recorded ? 0U : 1U});
  }

  void settle_alone(const LogEvent& note) {
    const std::string& service = note.failure->service;
    if (note.failure->failure == session::HandshakeFailure::disconnected) return;
    if (note.watched && !note.wanted) learn(note, false);
    // Records of earlier versions name no service.
    const bool is_recorded = service.empty() || result_.waiting.services.is_recorded(service);
    if (note.wanted || (!note.watched && is_recorded)) return settle(session_of(note));
    ++result_.uncounted[service];
  }

  void settle(session::Session session) {
    if (session.excluded) return;
    session.awaits_log = false;
    session.address_pseudonym.clear();
    result_.settled.push_back(std::move(session));
  }

  Waiting all_;
  const std::optional<Time> now_;
  Joined result_;
};

}  // namespace

Joined join(Waiting waiting, std::optional<Time> journal_time) {
  return Joining(std::move(waiting), journal_time).run();
}

}  // namespace starttls::store
