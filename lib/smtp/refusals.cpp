#include "smtp/refusals.h"

#include <algorithm>

namespace starttls::smtp {

Refusals::Refusals(std::size_t limit) : limit_(std::max<std::size_t>(limit, 1)) {}

void Refusals::add(const std::string& address, const Refusal& refusal) {
  if (!by_address_.try_emplace(address, refusal).second) return;
  order_.push_back(address);
  if (order_.size() <= limit_) return;
  by_address_.erase(order_.front());
  order_.pop_front();
}

const Refusal* Refusals::find(const std::string& address) const {
  const auto found = by_address_.find(address);
  return found == by_address_.end() ? nullptr : &found->second;
}

}  // namespace starttls::smtp
