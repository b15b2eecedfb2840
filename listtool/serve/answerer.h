// Replies to requests: immediately from the table, or when the domain has been looked up. Has no sockets and
// no clock of its own; everything runs in the answering thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/next_hop.h"
#include "listtool/serve/answer_table.h"
#include "listtool/serve/counters.h"
#include "listtool/serve/reply.h"
#include "listtool/serve/request.h"

namespace starttls::listtool::serve {

// The time of deadlines; tests set their own.
using SteadyTime = std::chrono::steady_clock::time_point;

// A domain, or a smart host, to look up.
struct LookupRequest {
  NextHop next_hop;
  // The replies of its last look-up; none if it was never looked up, or was evicted.
  std::shared_ptr<const Replies> known;
};

// A result of a request. `last`: no more results follow.
struct LookupResult {
  NextHop next_hop;
  std::shared_ptr<const Replies> replies;  // replies for some dialects may still be missing
  bool last = true;
  bool keep = true;       // whether it goes into the table; if not, only waiting requests use it
  bool asked_for = true;  // if not, it only updates a domain that is in the table
};

class ReplyListener;

// A reply in the order of the requests on one connection. The listener is nullptr after its connection has
// closed.
struct PendingReply {
  std::string bytes;  // "" until the reply is available
  ReplyListener* listener = nullptr;

  bool has_arrived() const { return !bytes.empty(); }
};

// Receives replies in the order of the requests.
class ReplyListener {
 public:
  // Whether it can store a reply until the replies before it are available. If not, it gets "try again".
  virtual bool has_room(const PendingReply& pending) const = 0;
  // Called when a pending reply is available. May call answer() again.
  virtual void reply_arrived(const PendingReply& pending) = 0;

 protected:
  ~ReplyListener() = default;
};

// SocketmapDialect::max_answer_time of each dialect.
std::array<std::chrono::milliseconds, dialects> max_answer_times();

struct AnswererLimits {
  TableLimits table;
  std::size_t max_waiting = 10'000;  // waiting requests; those beyond get "try again"
  // After this time a request gets "try again", unless the last look-up found that nothing is demanded: see
  // overdue_reply(). The look-up continues.
  std::chrono::milliseconds answer_timeout{20'000};
  // The same for each dialect, if it is shorter: the server waits no longer.
  std::array<std::chrono::milliseconds, dialects> max_answer_time = max_answer_times();
  bool dane = true;            // whether DANE is used for servers that support it
  bool wait_for_dane = false;  // see Rules
};

class Answerer {
 public:
  // `ask` starts a look-up; deliver() passes its results, but not before `ask` has returned. `counters` must
  // outlive this object.
  Answerer(AnswererLimits limits, Counters& counters, std::function<void(LookupRequest)> ask);
  Answerer(const Answerer&) = delete;
  Answerer& operator=(const Answerer&) = delete;

  // The time for everything that expires; to be set about every second.
  void set_time(Time now) { now_ = now; }
  // Replies of an older generation are not used; their domains are looked up again.
  void set_generation(std::uint64_t generation) { generation_ = generation; }

  // Returns the reply, a view that is valid until the next call. If it returns "", the reply comes later in
  // `pending`.
  std::string_view answer(const Request& request, ReplyListener& listener,
                          std::shared_ptr<PendingReply>& pending);

  void deliver(const LookupResult& result);

  // The earliest deadline of the waiting requests.
  std::optional<SteadyTime> next_deadline() const;
  // Answers the requests whose deadline has passed.
  void expire(SteadyTime now);

  // The time for deadlines; tests set their own.
  std::function<SteadyTime()> moment = [] { return std::chrono::steady_clock::now(); };
  // Called when next_deadline() has become earlier.
  std::function<void()> deadline_is_nearer = [] {};

  std::size_t waiting() const { return waiting_; }
  const AnswerTable& table() const { return table_; }

 private:
  struct Deadline;
  using Deadlines = std::list<Deadline>;  // in the order of time
  struct Waiter {
    std::shared_ptr<PendingReply> pending;
    Dialect dialect;
    Deadlines::iterator deadline;
  };
  using Waiters = std::list<Waiter>;
  // The domains that are being looked up, with the requests that wait for them.
  using Asked = std::unordered_map<std::string, Waiters>;
  struct Deadline {
    SteadyTime moment;
    Asked::value_type* asked;
    Waiters::iterator waiter;
  };

  std::string_view counted(const Reply& reply, Dialect dialect);
  std::string_view from(AnswerTable::Entry& entry, std::string_view key, Dialect dialect);
  std::string_view from_table(std::string_view key, Dialect dialect);
  const Reply& reply_without_next_hop(std::string_view key, Dialect dialect) const;
  void ask(NextHop next_hop, std::shared_ptr<const Replies> known);
  void wait(const NextHop& next_hop, Dialect dialect, ReplyListener& listener,
            std::shared_ptr<PendingReply>& pending);
  bool is_usable(const Replies& replies) const {
    return replies.generation == generation_ && now_ < replies.usable_until;
  }
  Deadlines& dialect_deadlines(Dialect dialect) { return deadlines_[static_cast<std::size_t>(dialect)]; }
  void answer_waiters(const LookupResult& result);
  const Reply& overdue_reply(const std::string& key, Dialect dialect);
  void complete_waiter(PendingReply& pending, const Reply& reply, Dialect dialect);

  AnswererLimits limits_;
  Counters& counters_;
  std::function<void(LookupRequest)> ask_;
  AnswerTable table_;
  Time now_;
  std::uint64_t generation_ = 0;
  Asked asked_;
  std::array<Deadlines, dialects> deadlines_;
  std::size_t waiting_ = 0;
  const Reply no_policy_ = no_policy();
  const Reply opportunistic_dane_ = opportunistic_dane();
  const Reply overloaded_ = temporary_error("too many domains are being looked up");
  const Reply too_late_ = temporary_error("still looking the domain up");
  const Reply no_room_ = temporary_error("too many replies wait for their turn");
};

}  // namespace starttls::listtool::serve
