// One mail server's connection: requests in, replies out in the same order.
//
// What was asked and can be answered at once costs a read and a write for as many requests as came together.
// Nothing grows without bound: a peer that does not read its replies is not read from, either.
//
// A connection holds the rest of one read (64 KiB), max_unread_bytes of replies that wait to be read or for
// the ones before them, and one reply more (max_reply_size): the last that was taken.
#pragma once

#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/file.h"
#include "event/loop.h"
#include "listtool/serve/answerer.h"

namespace starttls::listtool::serve {

// Replies of one connection that its peer has not read yet, or that wait for those before them, in bytes.
// With more the peer is not read from, and what was looked up for it meanwhile is answered "try again".
inline constexpr std::size_t max_unread_bytes = std::size_t{64} << 10U;
// Requests of one connection that wait for their turn; with more it is not read from.
inline constexpr std::size_t max_pipelined_requests = 100;

// What all connections of a thread share, so that an idle one takes next to nothing.
struct Scratch {
  std::string in = std::string(std::size_t{64} << 10U, '\0');
  std::string out;
  std::size_t held = 0;  // bytes, the sum of Connection::held()
};

class Connection final : private ReplyListener {
 public:
  // What becomes of it. The first two may destroy the connection.
  class Owner {
   public:
    virtual void was_active(Connection& connection) = 0;
    virtual void has_ended(Connection& connection) = 0;
    // It holds more than before. This may destroy others, but not this one.
    virtual void holds_more(Connection& connection) = 0;

   protected:
    ~Owner() = default;
  };

  // `socket` does not block. All that is passed by reference must outlive it.
  Connection(event::Loop& loop, UniqueFd socket, Answerer& answerer, Counters& counters, Scratch& scratch,
             Owner& owner);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Whether replies are still to come; not where the peer merely does not read them.
  bool waits() const { return !waiting_.empty(); }
  // Bytes of requests and replies that it keeps in memory.
  std::size_t held() const { return held_; }
  // Takes what the peer has sent so far, and no more; ends once that is answered and sent, which may be now.
  void drain();

 private:
  bool has_room(const PendingReply& pending) const override;
  void reply_arrived(const PendingReply& pending) override;
  bool read();
  void readable();
  void take(std::string_view bytes);
  bool take_one(std::string_view& bytes);
  void add(std::string_view reply, std::shared_ptr<PendingReply> pending);
  void collect_arrived();
  std::size_t unread() const { return out_.size() + waiting_bytes_; }
  bool is_clogged() const {
    return unread() >= max_unread_bytes || waiting_.size() >= max_pipelined_requests;
  }
  std::size_t send_some(std::string_view bytes);
  bool send();
  void writable();
  void go_on();
  void watch();
  void count_held();

  event::Loop& loop_;
  UniqueFd socket_;
  Answerer& answerer_;
  Counters& counters_;
  Scratch& scratch_;
  Owner& owner_;
  std::string in_;   // read, and not yet a whole request, or not yet its turn
  std::string out_;  // to be sent as soon as the peer reads
  std::deque<std::shared_ptr<PendingReply>> waiting_;  // the first of them is not there yet
  std::size_t waiting_bytes_ = 0;                      // of those that are there
  std::size_t held_ = 0;
  bool no_more_ = false;  // to be read
  bool broken_ = false;
  std::optional<event::DescriptorWatcher> reading_;
  std::optional<event::DescriptorWatcher> writing_;
};

}  // namespace starttls::listtool::serve
