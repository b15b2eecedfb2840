#include "collector/receiver.h"

#include <cerrno>
#include <charconv>
#include <utility>

#include "base/log.h"
#include "base/text.h"

namespace starttls::collector {
namespace {

// After so many datagrams the loop serves its other events first.
constexpr std::size_t max_in_a_row = 100 * Receiver::batch_size;

// The kernel keeps one datagram more than this (unix(7)).
constexpr const char* queue_length_file = "/proc/sys/net/unix/max_dgram_qlen";
constexpr std::size_t default_queue_length = 10;  // where it cannot be read

std::size_t queue_length() {
  const auto text = read_file(queue_length_file, 100);
  std::size_t length = 0;
  if (!text) return default_queue_length;
  const std::string_view digits = trim(*text);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  return error == std::errc() && length > 0 ? length : default_queue_length;
}

}  // namespace

Receiver::Receiver(event::Loop& loop, const UniqueFd& socket, std::size_t max_size, Take take)
    : socket_(socket),
      max_size_(max_size),
      take_(std::move(take)),
      queue_length_(queue_length()),
      buffer_(batch_size * max_size),
      places_(batch_size),
      messages_(batch_size),
      watch_(loop, socket.get(), event::DescriptorWatcher::For::reading, [this] { drain(); }) {
  for (std::size_t i = 0; i < batch_size; ++i) {
    places_[i] = {.iov_base = &buffer_[i * max_size], .iov_len = max_size};
    messages_[i].msg_hdr = {.msg_iov = &places_[i], .msg_iovlen = 1};
  }
  datagrams_.reserve(batch_size);
}

void Receiver::drain() {
  std::size_t all = 0;
  for (std::size_t received = batch_size; received == batch_size && all < max_in_a_row; all += received)
    received = receive();
  if (all > queue_length_) ++counters_.full_queues;
}

std::size_t Receiver::receive() {
  const int received = ::recvmmsg(socket_.get(), messages_.data(), batch_size, MSG_DONTWAIT, nullptr);
  if (received < 0) {
    if (errno != EAGAIN && errno != EINTR) {
      if (++counters_.failures == 1) log_error("the socket cannot be read: {}", errno_text(errno));
    }
    return 0;
  }
  datagrams_.clear();
  const auto count = static_cast<std::size_t>(received);
  for (std::size_t i = 0; i < count; ++i) {
    if ((messages_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
      ++counters_.too_large;
    } else if (messages_[i].msg_len == 0) {
      ++counters_.empty;
    } else {
      datagrams_.emplace_back(&buffer_[i * max_size_], messages_[i].msg_len);
    }
  }
  counters_.datagrams += datagrams_.size();
  if (!datagrams_.empty()) take_(datagrams_);
  return count;
}

}  // namespace starttls::collector
