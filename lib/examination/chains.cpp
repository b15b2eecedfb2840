#include "examination/chains.h"

#include <algorithm>
#include <functional>
#include <string>

namespace starttls::examination {
namespace {

using certificate::Certificate;

std::size_t hash_of(const std::vector<Certificate>& chain) {
  std::string all;
  for (const Certificate& certificate : chain) all += certificate.der;
  return std::hash<std::string>()(all);
}

bool are_equal(const std::vector<Certificate>& left, const std::vector<Certificate>& right) {
  return std::ranges::equal(left, right, {}, &Certificate::der, &Certificate::der);
}

}  // namespace

std::shared_ptr<const SentChain> Chains::share(std::vector<Certificate> certificates) {
  if (certificates.empty()) return nullptr;
  forget_unused();
  std::weak_ptr<const SentChain>& place = chains_[hash_of(certificates)];
  std::shared_ptr<const SentChain> known = place.lock();
  if (known && are_equal(known->certificates, certificates)) return known;
  SentChain chain{.certificates = std::move(certificates), .in_order = true, .trust = {}};
  chain.in_order = certificate::is_in_order(chain.certificates);
  chain.trust = certificate::verify(chain.certificates, authorities_, now_);
  auto added = std::make_shared<const SentChain>(std::move(chain));
  // Two chains with the same hash: the second is not shared.
  if (!known) place = added;
  return added;
}

std::size_t Chains::size() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(chains_, [](const auto& entry) { return !entry.second.expired(); }));
}

void Chains::forget_unused() {
  if (chains_.size() < forget_beyond_) return;
  std::erase_if(chains_, [](const auto& entry) { return entry.second.expired(); });
  forget_beyond_ = std::max(forget_beyond_, chains_.size() * 2);
}

}  // namespace starttls::examination
