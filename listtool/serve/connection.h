// One mail server's connection: reads requests and sends replies in the same order.
//
// Requests that arrive together and can be answered immediately cost one read and one write. All buffers are
// limited: if a peer does not read its replies, its requests are not read, either.
//
// A connection stores at most the rest of one read (64 KiB), max_unread_bytes of replies that are not sent
// yet or wait for earlier replies, and one more reply (max_reply_size): the last one that was accepted.
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

// Bytes of replies of one connection that its peer has not read yet, or that wait for earlier replies. Beyond
// this limit nothing more is read from the peer, and pending requests get "try again".
inline constexpr std::size_t max_unread_bytes = std::size_t{64} << 10U;
// Waiting requests of one connection; beyond this limit nothing more is read from it.
inline constexpr std::size_t max_pipelined_requests = 100;

// Buffers that all connections of a thread share, so that an idle connection needs hardly any memory.
struct Scratch {
  std::string in = std::string(std::size_t{64} << 10U, '\0');
  std::string out;
  std::size_t held = 0;  // the sum of Connection::held(), in bytes
};

class Connection final : private ReplyListener {
 public:
  // Gets the events of a connection. The first two may destroy the connection.
  class Owner {
   public:
    virtual void was_active(Connection& connection) = 0;
    virtual void has_ended(Connection& connection) = 0;
    // The connection stores more than before. May destroy other connections, but not this one.
    virtual void holds_more(Connection& connection) = 0;

   protected:
    ~Owner() = default;
  };

  // `socket` is non-blocking. All references must outlive this object.
  Connection(event::Loop& loop, UniqueFd socket, Answerer& answerer, Counters& counters, Scratch& scratch,
             Owner& owner);
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection();

  // Whether pending replies are not available yet. False if the peer only does not read its replies.
  bool waits() const { return !waiting_.empty(); }
  // Bytes of requests and replies that are stored.
  std::size_t held() const { return held_; }
  // Reads what the peer has sent so far, and no more. Closes when that is answered and sent, which may be
  // now.
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
  std::string in_;                                     // read: incomplete requests, and those that wait
  std::string out_;                                    // to be sent when the peer reads
  std::deque<std::shared_ptr<PendingReply>> waiting_;  // the first one is not available yet
  std::size_t waiting_bytes_ = 0;                      // of the available replies
  std::size_t held_ = 0;
  bool no_more_ = false;  // nothing more is read
  bool broken_ = false;
  std::optional<event::DescriptorWatcher> reading_;
  std::optional<event::DescriptorWatcher> writing_;
};

}  // namespace starttls::listtool::serve
