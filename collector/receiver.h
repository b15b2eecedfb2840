// Receives datagrams in batches (recvmmsg(2)).
#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "event/loop.h"

namespace starttls::collector {

struct ReceiverCounters {
  std::uint64_t datagrams = 0;  // received, without those that are too large or empty
  std::uint64_t too_large = 0;
  std::uint64_t empty = 0;
  std::uint64_t failures = 0;  // of the socket
  // How often as many datagrams as the queue holds were received one after the other. A sender that finds the queue full
  // loses its datagram, and the kernel tells nobody but the sender.
  std::uint64_t full_queues = 0;
};

class Receiver {
 public:
  static constexpr std::size_t batch_size = 128;  // datagrams

  // Gets datagrams, as views that are valid during the call.
  using Take = std::function<void(std::span<const std::string_view> datagrams)>;

  // The socket must not block. Larger datagrams than `max_size` (bytes) are dropped and counted. The loop must
  // outlive this.
  Receiver(event::Loop& loop, const UniqueFd& socket, std::size_t max_size, Take take);
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;
  ~Receiver() = default;

  // Takes everything that waits now.
  void drain();

  const ReceiverCounters& counters() const { return counters_; }

 private:
  // Returns how many datagrams were received.
  std::size_t receive();

  const UniqueFd& socket_;
  const std::size_t max_size_;
  const Take take_;
  const std::size_t queue_length_;  // datagrams that the kernel keeps
  ReceiverCounters counters_;
  std::vector<char> buffer_;
  std::vector<iovec> places_;
  std::vector<mmsghdr> messages_;
  std::vector<std::string_view> datagrams_;
  event::DescriptorWatcher watch_;
};

}  // namespace starttls::collector
