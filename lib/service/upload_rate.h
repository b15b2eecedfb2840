// How often documents may be POSTed: so many a minute by all, and so many by one client.
//
// Each has a bucket of tokens, which is full at first and gets so many tokens a minute; a document takes one. So after a
// pause a minute's documents may come at once. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/clock.h"

namespace starttls::service {

struct UploadLimits {
  std::uint64_t per_minute = 600;  // at least 1, as the next one
  std::uint64_t per_client = 60;
};

class UploadRate {
 public:
  explicit UploadRate(UploadLimits limits)
      : limits_(limits), all_{.tokens = static_cast<double>(limits.per_minute)} {}

  // Counts a document of the client, an address, of which an IPv6 /64 counts as one; "" where it is not known: then
  // only the limit of all applies. Nothing: it may be taken. Else after how many seconds the next one may be, and this
  // one does not count: a client that goes on does not use up what the others have.
  std::optional<std::chrono::seconds> refuse(const std::string& client, Time now);

  // How many clients are remembered: no more than may post within two minutes.
  std::size_t clients() const { return clients_.size(); }

 private:
  struct Bucket {
    double tokens = 0;
    Time filled;
  };

  static void fill(Bucket& bucket, std::uint64_t per_minute, Time now);
  void forget_idle(Time now);

  UploadLimits limits_;
  Bucket all_;
  std::unordered_map<std::string, Bucket> clients_;
  Time forgotten_;  // when idle ones were looked for last
};

}  // namespace starttls::service
