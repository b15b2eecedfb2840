// Limits the rate of questions to the name servers of one owner, over all domains. Pure: the time is an
// argument.
//
// Each owner has `burst` questions at once, and `per_second` more as time goes on. A further question gets
// the time that it has to wait, or nothing where that is too long. A name and type that was answered is not
// counted again before its TTL is over: libunbound has it in its cache. So 20,000 domains with the same few
// MX hosts cost their owner's servers, and count, as much as one domain.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <unordered_map>

namespace starttls::discovery {

struct QuestionRateLimits {
  std::size_t per_second = 100;
  std::size_t burst = 300;
  std::chrono::milliseconds max_wait{2'000};
};

class QuestionRate {
 public:
  using SteadyTime = std::chrono::steady_clock::time_point;

  explicit QuestionRate(QuestionRateLimits limits) : limits_(limits) {}

  // How long a question has to wait. Nothing where that is too long; then it is not counted.
  std::optional<std::chrono::milliseconds> reserve(const std::string& owner, SteadyTime now);

  // Counts a question that is asked in any case.
  void count(const std::string& owner, SteadyTime now);

  bool is_known(const std::string& question, SteadyTime now) const;
  void remember(const std::string& question, std::chrono::seconds ttl, SteadyTime now);

  std::size_t owners() const { return free_at_.size(); }

 private:
  using Moments = std::unordered_map<std::string, SteadyTime>;

  SteadyTime& free_at(const std::string& owner, SteadyTime now);
  std::chrono::nanoseconds interval() const;
  std::chrono::nanoseconds ahead() const;  // of time, by the burst

  QuestionRateLimits limits_;
  Moments free_at_;  // by owner: when its counted questions would end, one after another
  std::unordered_map<std::size_t, SteadyTime> answered_;  // by hash of the question: until its TTL is over
};

}  // namespace starttls::discovery
