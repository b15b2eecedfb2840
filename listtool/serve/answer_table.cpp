#include "listtool/serve/answer_table.h"

#include <utility>

#include "base/memory.h"

namespace starttls::listtool::serve {
namespace {

// The memory of a map's node in addition to the element: a link and the hash.
constexpr std::size_t node_overhead = 16;
// The memory in the map's buckets and in the ring. Both have at most twice as many places as elements.
constexpr std::size_t places = 4 * sizeof(void*);

}  // namespace

std::size_t AnswerTable::memory_size(const Map::value_type& element) {
  return allocation_size(sizeof element + node_overhead) + places + heap_size(element.first) +
         element.second.replies->size();
}

AnswerTable::Entry* AnswerTable::find(std::string_view domain) {
  const auto found = map_.find(domain);
  if (found == map_.end()) return nullptr;
  found->second.used = true;
  return &found->second;
}

AnswerTable::Entry& AnswerTable::put(std::string_view domain, std::shared_ptr<const Replies> replies) {
  const auto [at, is_new] = map_.try_emplace(std::string(domain));
  if (!is_new) bytes_ -= memory_size(*at);
  at->second.replies = std::move(replies);
  at->second.asked_for = false;
  bytes_ += memory_size(*at);
  if (is_new) ring_.push_back(&*at);
  while (ring_.size() > 1 && (ring_.size() > limits_.max_domains || bytes_ > limits_.max_bytes))
    evict_one(*at);
  return at->second;
}

void AnswerTable::evict_one(const Map::value_type& spared) {
  for (;; ++hand_) {
    if (hand_ >= ring_.size()) hand_ = 0;
    if (ring_[hand_] != &spared && !std::exchange(ring_[hand_]->second.used, false)) break;
  }
  Map::value_type* const leaving = ring_[hand_];
  bytes_ -= memory_size(*leaving);
  // The last entry moves to the free place on the ring. The order on the ring is not important.
  ring_[hand_] = ring_.back();
  ring_.pop_back();
  ++hand_;
  map_.erase(map_.find(leaving->first));
  ++evicted_;
}

}  // namespace starttls::listtool::serve
