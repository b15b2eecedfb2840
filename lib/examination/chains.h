// The chains that servers have sent, each kept once: many servers of a hoster have the same one. Internal to this
// component.
#pragma once

#include <cstddef>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "certificate/certificate.h"
#include "certificate/chain.h"

namespace starttls::examination {

// A chain, and what follows from it for every host that sends it.
struct SentChain {
  std::vector<certificate::Certificate> certificates;  // the server's own first; not empty
  bool in_order = true;
  certificate::ChainVerdict trust;
};

class Chains {
 public:
  // Chains are verified with these authorities, at this time.
  Chains(certificate::Authorities authorities, Time now) : authorities_(std::move(authorities)), now_(now) {}

  // The chain with these certificates, which is kept for as long as someone holds it. Null where there are none.
  std::shared_ptr<const SentChain> share(std::vector<certificate::Certificate> certificates);

  std::size_t size() const;  // those that someone holds

 private:
  void forget_unused();

  certificate::Authorities authorities_;
  Time now_;
  std::unordered_map<std::size_t, std::weak_ptr<const SentChain>> chains_;  // by a hash of the certificates
  std::size_t forget_beyond_ = 1'000;  // entries, before those that nobody holds are removed
};

}  // namespace starttls::examination
