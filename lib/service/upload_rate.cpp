#include "service/upload_rate.h"

#include <algorithm>
#include <cmath>

#include "base/public_address.h"

namespace starttls::service {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds minute{60'000};

// Until there is a whole token.
seconds wait_for_token(double tokens, std::uint64_t per_minute) {
  const double share = (1 - tokens) / static_cast<double>(per_minute);
  const auto whole = static_cast<std::int64_t>(std::ceil(share * 60));
  return seconds(std::clamp<std::int64_t>(whole, 1, 60));
}

}  // namespace

// A clock that goes back adds nothing.
void UploadRate::fill(Bucket& bucket, std::uint64_t per_minute, Time now) {
  const auto limit = static_cast<double>(per_minute);
  const milliseconds past = std::clamp(now - bucket.filled, milliseconds(0), minute);
  bucket.tokens = std::min(
      limit, bucket.tokens + limit * static_cast<double>(past.count()) / static_cast<double>(minute.count()));
  bucket.filled = now;
}

// One that has been idle for a minute is full, as a new one is.
void UploadRate::forget_idle(Time now) {
  if (now >= forgotten_ && now < forgotten_ + minute) return;
  forgotten_ = now;
  std::erase_if(clients_, [&](const auto& client) {
    return now < client.second.filled || now - client.second.filled >= minute;
  });
}

std::optional<seconds> UploadRate::refuse(const std::string& client, Time now) {
  forget_idle(now);
  fill(all_, limits_.per_minute, now);
  const std::string block = client.empty() ? "" : block_of(client).block;
  const auto known = clients_.find(block);
  if (known != clients_.end()) {
    fill(known->second, limits_.per_client, now);
    if (known->second.tokens < 1) return wait_for_token(known->second.tokens, limits_.per_client);
  }
  if (all_.tokens < 1) return wait_for_token(all_.tokens, limits_.per_minute);
  all_.tokens -= 1;
  if (block.empty()) return std::nullopt;
  const Bucket full{.tokens = static_cast<double>(limits_.per_client), .filled = now};
  clients_.try_emplace(block, full).first->second.tokens -= 1;
  return std::nullopt;
}

}  // namespace starttls::service
