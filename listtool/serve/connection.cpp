#include "listtool/serve/connection.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/memory.h"

namespace starttls::listtool::serve {

using event::DescriptorWatcher;

namespace {

// An assignment would not free the capacity.
void hold(std::string& held, std::string_view bytes) {
  std::string(bytes).swap(held);
}

}  // namespace

Connection::Connection(event::Loop& loop, UniqueFd socket, Answerer& answerer, Counters& counters,
                       Scratch& scratch, Owner& owner)
    : loop_(loop),
      socket_(std::move(socket)),
      answerer_(answerer),
      counters_(counters),
      scratch_(scratch),
      owner_(owner) {
  watch();
}

Connection::~Connection() {
  for (const auto& pending : waiting_) pending->listener = nullptr;
  scratch_.held -= held_;
  counters_.connections_bytes.set(scratch_.held);
}

// Returns false if there was nothing to read.
bool Connection::read() {
  // Unprocessed bytes of the last read are put in front, so that each request is contiguous.
  std::string& buffer = scratch_.in;
  const std::size_t before = in_.size();
  in_.copy(buffer.data(), before);
  ssize_t count = 0;
  do {
    count = ::read(socket_.get(), buffer.data() + before, buffer.size() - before);
  } while (count < 0 && errno == EINTR);
  if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return false;
  if (count <= 0) {
    broken_ = count < 0;
    no_more_ = true;
    return true;
  }
  hold(in_, {});
  take({buffer.data(), before + static_cast<std::size_t>(count)});
  owner_.was_active(*this);
  return true;
}

void Connection::readable() {
  if (read()) go_on();
}

// `bytes` are in scratch_.in, or were moved out of in_.
void Connection::take(std::string_view bytes) {
  while (!is_clogged() && take_one(bytes)) {
    if (out_.size() + scratch_.out.size() >= max_unread_bytes && !send()) return;
  }
  if (!no_more_ || is_clogged()) hold(in_, bytes);
}

bool Connection::take_one(std::string_view& bytes) {
  const RequestReading reading = read_request(bytes);
  if (reading.state == Reading::malformed) {
    counters_.malformed.add();
    no_more_ = true;
    bytes = {};
  }
  if (reading.state != Reading::complete) return false;
  std::shared_ptr<PendingReply> pending;
  const auto reply = answerer_.answer(reading.request, *this, pending);
  add(reply, std::move(pending));
  bytes.remove_prefix(reading.size);
  return true;
}

void Connection::add(std::string_view reply, std::shared_ptr<PendingReply> pending) {
  if (waiting_.empty() && !pending) {
    scratch_.out.append(reply);
    return;
  }
  if (!pending) pending = std::make_shared<PendingReply>(PendingReply{.bytes = std::string(reply)});
  waiting_bytes_ += pending->bytes.size();
  waiting_.push_back(std::move(pending));
}

bool Connection::has_room(const PendingReply& pending) const {
  return &pending == waiting_.front().get() || unread() < max_unread_bytes;
}

void Connection::reply_arrived(const PendingReply& pending) {
  waiting_bytes_ += pending.bytes.size();
  if (!waiting_.front()->has_arrived()) return count_held();
  collect_arrived();
  owner_.was_active(*this);
  go_on();
}

void Connection::collect_arrived() {
  for (; !waiting_.empty() && waiting_.front()->has_arrived(); waiting_.pop_front()) {
    waiting_bytes_ -= waiting_.front()->bytes.size();
    scratch_.out.append(waiting_.front()->bytes);
  }
}

// Returns how many of the bytes the peer accepts now.
std::size_t Connection::send_some(std::string_view bytes) {
  std::size_t sent = 0;
  while (sent < bytes.size() && !broken_) {
    const ssize_t count = ::send(socket_.get(), bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
    if (count >= 0) {
      sent += static_cast<std::size_t>(count);
    } else if (errno == EAGAIN || errno == EWOULDBLOCK) {
      break;
    } else if (errno != EINTR) {
      broken_ = true;
    }
  }
  return sent;
}

// Sends everything in scratch_.out to the peer, or moves it to out_. Returns false if the connection is
// broken.
bool Connection::send() {
  const std::string_view bytes = scratch_.out;
  out_.append(bytes.substr(out_.empty() ? send_some(bytes) : 0));
  scratch_.out.clear();
  return !broken_;
}

void Connection::writable() {
  const std::size_t sent = send_some(out_);
  hold(out_, std::string_view(out_).substr(sent));
  if (sent > 0) owner_.was_active(*this);
  go_on();
}

// Continues after any change, since what was blocked may now be possible. Must be the last call of a
// function, since it may destroy this connection.
void Connection::go_on() {
  send();
  while (!broken_ && !is_clogged() && !in_.empty()) {
    const std::string rest = std::move(in_);
    in_.clear();
    const std::size_t before = rest.size();
    take(rest);
    send();
    if (in_.size() == before) break;
  }
  const bool is_done = no_more_ && waiting_.empty() && out_.empty();
  if (broken_ || is_done) return owner_.has_ended(*this);
  watch();
}

void Connection::drain() {
  if (!no_more_ && !is_clogged()) read();
  no_more_ = true;
  go_on();
}

void Connection::watch() {
  const bool reads = !no_more_ && !is_clogged();
  if (reads != reading_.has_value()) {
    reading_.reset();
    if (reads)
      reading_.emplace(loop_, socket_.get(), DescriptorWatcher::For::reading, [this] { readable(); });
  }
  const bool writes = !out_.empty();
  if (writes != writing_.has_value()) {
    writing_.reset();
    if (writes)
      writing_.emplace(loop_, socket_.get(), DescriptorWatcher::For::writing, [this] { writable(); });
  }
  count_held();
}

// Called last, since it may destroy other connections.
void Connection::count_held() {
  const std::size_t before = std::exchange(
      held_, heap_size(in_) + heap_size(out_) + waiting_bytes_ + waiting_.size() * sizeof(PendingReply));
  scratch_.held += held_ - before;
  counters_.connections_bytes.set(scratch_.held);
  if (held_ > before) owner_.holds_more(*this);
}

}  // namespace starttls::listtool::serve
