#include "discovery/question_rate.h"

#include <algorithm>
#include <cstdint>
#include <functional>

namespace starttls::discovery {
namespace {

using namespace std::chrono_literals;

// Above these numbers, expired entries are dropped. If that is not enough, all entries are dropped.
constexpr std::size_t max_owners = 20'000;
constexpr std::size_t max_answers = 100'000;
constexpr std::chrono::seconds max_memory{3'600};

template <class Map>
void make_room(Map& map, std::size_t max, QuestionRate::SteadyTime now) {
  if (map.size() < max) return;
  std::erase_if(map, [now](const auto& entry) { return entry.second <= now; });
  if (map.size() >= max) map.clear();
}

}  // namespace

std::chrono::nanoseconds QuestionRate::interval() const {
  return std::chrono::nanoseconds(1s) /
         static_cast<std::int64_t>(std::max<std::size_t>(limits_.per_second, 1));
}

std::chrono::nanoseconds QuestionRate::ahead() const {
  return interval() * static_cast<std::int64_t>(std::max<std::size_t>(limits_.burst, 1));
}

QuestionRate::SteadyTime& QuestionRate::free_at(const std::string& owner, SteadyTime now) {
  make_room(free_at_, max_owners, now);
  SteadyTime& moment = free_at_.try_emplace(owner, now).first->second;
  moment = std::max(moment, now);
  return moment;
}

std::optional<std::chrono::milliseconds> QuestionRate::reserve(const std::string& owner, SteadyTime now) {
  SteadyTime& moment = free_at(owner, now);
  const SteadyTime turn = std::max(moment + interval() - ahead(), now);
  const auto wait = std::chrono::ceil<std::chrono::milliseconds>(turn - now);
  if (wait > limits_.max_wait) return std::nullopt;
  moment += interval();
  return wait;
}

void QuestionRate::count(const std::string& owner, SteadyTime now) {
  SteadyTime& moment = free_at(owner, now);
  // The time may be ahead by at most the longest wait: questions that were not delayed must not delay others
  // for ever.
  const SteadyTime max = now + ahead() + limits_.max_wait;
  moment = std::min(moment + interval(), std::max(moment, max));
}

bool QuestionRate::is_known(const std::string& question, SteadyTime now) const {
  const auto found = answered_.find(std::hash<std::string>{}(question));
  return found != answered_.end() && now < found->second;
}

void QuestionRate::remember(const std::string& question, std::chrono::seconds ttl, SteadyTime now) {
  if (ttl <= std::chrono::seconds{0}) return;
  make_room(answered_, max_answers, now);
  answered_[std::hash<std::string>{}(question)] = now + std::min(ttl, max_memory);
}

}  // namespace starttls::discovery
