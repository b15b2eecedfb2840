#include "store/join.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

namespace starttls::store {
namespace {

using namespace std::chrono_literals;

// The log's time may be without fractions of a second, and be taken from a clock that is a tick of the kernel behind:
// time(2) reads CLOCK_REALTIME_COARSE, and says 52 s when 53.003 s have come.
constexpr auto log_resolution = 1s + 100ms;
// The MTA writes its last line about a session shortly after it reports the end to the milter.
constexpr auto log_slack = 2s;

// Identifies the client: by its address if that is stored in full.
const std::string& client_key(const session::Session& session) {
  return session.address_pseudonym.empty() ? session.client_address : session.address_pseudonym;
}
const std::string& client_key(const LogEvent& event) {
  return event.address_pseudonym.empty() ? event.failure->client_address : event.address_pseudonym;
}

Time last_possible(const session::Session& session) {
  // The real end of the session is unknown.
  return session.end + (session.still_open ? Time::duration(max_join_delay) : Time::duration(log_slack));
}

// The sessions without a failure yet, as indices, by client.
using ByClient = std::unordered_map<std::string, std::vector<std::size_t>>;

std::optional<std::size_t> take_session(const LogEvent& event, const std::vector<session::Session>& sessions,
                                        ByClient& by_client) {
  const auto found = by_client.find(client_key(event));
  if (found == by_client.end()) return std::nullopt;
  const Time time = event.failure->time;
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

// A session that is only in the log.
session::Session to_session(const LogEvent& event) {
  return {.begin = event.failure->time,
          .end = event.failure->time,
          .receiving_mx = event.receiving_mx,
          .client_address = event.failure->client_address,
          .failure = event.failure->failure};
}

class Joining {
 public:
  Joining(Waiting all, std::optional<Time> journal_time) : all_(std::move(all)), now_(journal_time) {}

  Joined run() {
    result_.waiting.services = std::move(all_.services);
    ByClient by_client;
    for (std::size_t i = 0; i < all_.sessions.size(); ++i)
      by_client[client_key(all_.sessions[i])].push_back(i);
    std::vector<LogEvent> alone;
    for (LogEvent& event : all_.events) {
      const auto session = take_session(event, all_.sessions, by_client);
      if (session) {
        all_.sessions[*session].failure = event.failure->failure;
        add_service(event, !all_.sessions[*session].excluded);
      } else {
        alone.push_back(std::move(event));
      }
    }
    // If there are too many, those that wait longest are counted first.
    std::size_t surplus = all_.sessions.size() + alone.size();
    surplus = surplus > max_waiting ? surplus - max_waiting : 0;
    for (session::Session& session : all_.sessions) {
      const bool joined = session.failure != session::HandshakeFailure::none;
      if (joined || surplus > 0 || is_over(session.end)) {
        if (!joined && surplus > 0) --surplus;
        count(std::move(session));
      } else {
        result_.waiting.sessions.push_back(std::move(session));
      }
    }
    for (LogEvent& event : alone) {
      if (surplus > 0 || is_over(event.failure->time)) {
        if (surplus > 0) --surplus;
        count_alone(event);
      } else {
        result_.waiting.events.push_back(std::move(event));
      }
    }
    return std::move(result_);
  }

 private:
  // A time in the future is over, too: after a clock was set back, it must not wait until the clock has
  // caught up.
  bool is_over(Time time) const {
    return now_ && (time + max_join_delay < *now_ || time > *now_ + max_join_delay);
  }

  void add_service(const LogEvent& event, bool is_recorded) {
    result_.waiting.services.add(event.failure->service,
                                 {.recorded = is_recorded ? 1U : 0U, .other = is_recorded ? 0U : 1U});
  }

  void count_alone(const LogEvent& event) {
    const std::string& service = event.failure->service;
    if (event.failure->failure == session::HandshakeFailure::disconnected) return;
    if (event.watched && !event.wanted) add_service(event, false);
    // Records of earlier versions name no service.
    const bool is_recorded = service.empty() || result_.waiting.services.is_recorded(service);
    if (event.wanted || (!event.watched && is_recorded)) return count(to_session(event));
    ++result_.uncounted[service];
  }

  void count(session::Session session) {
    if (session.excluded) return;
    session.awaits_log = false;
    session.address_pseudonym.clear();
    result_.counted.push_back(std::move(session));
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
