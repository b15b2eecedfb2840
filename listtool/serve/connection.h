// One mail server's connection: requests in, replies out in the same order.
//
// What was asked and can be answered at once costs a read and a write for as many requests as came together.
// Nothing grows without bound: a peer that does not read its replies is not read from, either.
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

namespace starttls::listtool::socketmap {

// Replies that a peer has not read yet, in bytes; with more it is not read from.
inline constexpr std::size_t unread_limit = std::size_t{64} << 10U;
// Requests of one connection that wait for their turn; with more it is not read from.
inline constexpr std::size_t pipeline_limit = 100;

// What all connections of a thread share, so that an idle one takes next to nothing.
struct Scratch {
  std::string in = std::string(std::size_t{64} << 10U, '\0');
  std::string out;
};

class Connection final : private ReplyTaker {
 public:
  // What becomes of it. Both may destroy the connection.
  class Owner {
   public:
    virtual void was_active(Connection& connection) = 0;
    virtual void has_ended(Connection& connection) = 0;

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
  // Takes what the peer has sent so far, and no more; ends once that is answered and sent, which may be now.
  void drain();

 private:
  void reply_arrived() override;
  bool read();
  void readable();
  void take(std::string_view bytes);
  bool take_one(std::string_view& bytes);
  void add(std::string_view reply, std::shared_ptr<PendingReply> pending);
  void collect_arrived();
  bool is_clogged() const { return out_.size() >= unread_limit || waiting_.size() >= pipeline_limit; }
  bool send();
  void writable();
  void go_on();
  void watch();

  event::Loop& loop_;
  UniqueFd socket_;
  Answerer& answerer_;
  Counters& counters_;
  Scratch& scratch_;
  Owner& owner_;
  std::string in_;   // read, and not yet a whole request, or not yet its turn
  std::string out_;  // to be sent as soon as the peer reads
  std::deque<std::shared_ptr<PendingReply>> waiting_;  // the first of them is not there yet
  bool no_more_ = false;                               // to be read
  bool broken_ = false;
  std::optional<event::Watch> reading_;
  std::optional<event::Watch> writing_;
};

}  // namespace starttls::listtool::socketmap
