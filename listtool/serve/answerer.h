// Replies to requests: at once from the table, or as soon as the domain has been looked up. Has no sockets
// and no clock of its own; everything happens in the answering thread.
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

// Of deadlines; a test brings its own.
using SteadyTime = std::chrono::steady_clock::time_point;

// A domain, or a smart host, to look up.
struct LookupRequest {
  NextHop next_hop;
  // The replies of its last look-up; none for one never seen, or evicted.
  std::shared_ptr<const Replies> known;
};

// A result of a request. `last`: no more results follow.
struct LookupResult {
  NextHop next_hop;
  std::shared_ptr<const Replies> replies;  // some dialects may still be missing
  bool last = true;
  bool keep = true;       // whether it goes into the table; else it is only for requests that wait
  bool asked_for = true;  // else it only updates a domain that is in the table
};

class ReplyListener;

// A reply in the order of the requests on one connection. The listener is nullptr once its connection has
// closed.
struct PendingReply {
  std::string bytes;  // "" until it is there
  ReplyListener* listener = nullptr;

  bool has_arrived() const { return !bytes.empty(); }
};

// Gets replies, which come in the order of the requests.
class ReplyListener {
 public:
  // Whether it can keep a reply until those before it have come; else "try again" takes its place.
  virtual bool has_room(const PendingReply& pending) const = 0;
  // A reply that was pending is there now. It may ask on.
  virtual void reply_arrived(const PendingReply& pending) = 0;

 protected:
  ~ReplyListener() = default;
};

// SocketmapDialect::max_answer_time of each.
std::array<std::chrono::milliseconds, dialects> max_answer_times();

struct AnswererLimits {
  TableLimits table;
  std::size_t max_waiting = 10'000;  // requests; those beyond are answered "try again"
  // After this a request is answered "try again", unless nothing was demanded when the domain was found out
  // last: see overdue_reply(). The finding out goes on.
  std::chrono::milliseconds answer_timeout{20'000};
  // The same for each dialect, if it is shorter: a server that has given up needs no reply.
  std::array<std::chrono::milliseconds, dialects> max_answer_time = max_answer_times();
  bool dane = true;            // whether DANE counts for servers that can do it
  bool wait_for_dane = false;  // see Rules
};

class Answerer {
 public:
  // `ask` hands a request over; deliver() brings its results, but not before `ask` has returned.
  // `counters` must outlive it.
  Answerer(AnswererLimits limits, Counters& counters, std::function<void(LookupRequest)> ask);
  Answerer(const Answerer&) = delete;
  Answerer& operator=(const Answerer&) = delete;

  // The time for everything that expires; to be set every second or so.
  void set_time(Time now) { now_ = now; }
  // Replies of an older generation are looked up again before they are used.
  void set_generation(std::uint64_t generation) { generation_ = generation; }

  // The reply, a view until the next call, or "": then `pending` has been filled and gets it.
  std::string_view answer(const Request& request, ReplyListener& listener,
                          std::shared_ptr<PendingReply>& pending);

  void deliver(const LookupResult& result);

  // When the first of those who wait has waited long enough.
  std::optional<SteadyTime> next_deadline() const;
  // Answers those.
  void expire(SteadyTime now);

  // The time of the deadlines; a test sets its own.
  std::function<SteadyTime()> moment = [] { return std::chrono::steady_clock::now(); };
  // Called when next_deadline() has become an earlier one.
  std::function<void()> deadline_is_nearer = [] {};

  std::size_t waiting() const { return waiting_; }
  const AnswerTable& table() const { return table_; }

 private:
  struct Deadline;
  using Deadlines = std::list<Deadline>;  // in order
  struct Waiter {
    std::shared_ptr<PendingReply> pending;
    Dialect dialect;
    Deadlines::iterator deadline;
  };
  using Waiters = std::list<Waiter>;
  // The domains that are being found out, with those who wait for them.
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
