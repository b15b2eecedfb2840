// The domains of earlier requests, with their replies, limited in number and in memory. When the table is
// full, an entry that was not used recently is evicted (the clock algorithm: a hand goes round the ring and
// evicts entries that were not used since its last round).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "listtool/serve/reply.h"

namespace starttls::listtool::serve {

struct TableLimits {
  std::size_t max_domains = 100'000;
  std::size_t max_bytes = std::size_t{64} << 20U;  // approximately
};

class AnswerTable {
 public:
  struct Entry {
    std::shared_ptr<const Replies> replies;
    bool asked_for = false;  // it is being looked up again
    bool used = false;       // since the hand passed it
  };

  explicit AnswerTable(TableLimits limits) : limits_(limits) {}

  // Marks the entry as used. Valid until the next put().
  Entry* find(std::string_view domain);
  // Adds or replaces the entry of the domain. Clears `asked_for`.
  Entry& put(std::string_view domain, std::shared_ptr<const Replies> replies);

  std::size_t domains() const { return ring_.size(); }
  std::size_t bytes() const { return bytes_; }
  std::uint64_t evicted() const { return evicted_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  using Map = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

  static std::size_t memory_size(const Map::value_type& element);
  void evict_one(const Map::value_type& spared);

  TableLimits limits_;
  Map map_;
  std::vector<Map::value_type*> ring_;
  std::size_t hand_ = 0;
  std::size_t bytes_ = 0;
  std::uint64_t evicted_ = 0;
};

}  // namespace starttls::listtool::serve
