// The addresses that have deferred or rejected a connection, with what they said, so that nobody asks them again. Of too
// many, the one that refused first is forgotten: it may be asked once more.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_map>

#include "smtp/probe.h"

namespace starttls::smtp {

struct Refusal {
  Stop stop = Stop::deferred;
  std::string reason;
};

class Refusals {
 public:
  static constexpr std::size_t default_limit = 16'384;  // addresses; one takes less than 1 KiB

  // 0 counts as 1.
  explicit Refusals(std::size_t limit = default_limit);

  // `address` in one form: IpAddress::text(). The first refusal of an address counts.
  void add(const std::string& address, const Refusal& refusal);
  // Null where there is none. Until the next add().
  const Refusal* find(const std::string& address) const;
  std::size_t size() const { return by_address_.size(); }

 private:
  std::size_t limit_;
  std::unordered_map<std::string, Refusal> by_address_;
  std::deque<std::string> order_;  // the first refused first
};

}  // namespace starttls::smtp
