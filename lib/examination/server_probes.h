// The connections to one address, made once for all that ask for it. Internal to this component.
#pragma once

#include <cstddef>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "event/task.h"
#include "examination/chains.h"
#include "examination/facts.h"
#include "smtp/accepted.h"
#include "smtp/probe.h"

namespace starttls::examination {

// What they found. The chains of the handshakes are in `chain` alone.
struct ServerFacts {
  smtp::ProbeFacts newest;
  std::optional<smtp::ProbeFacts> oldest;  // none where the newest did not get as far as a handshake
  // The same, and only with Depth::thorough.
  std::optional<smtp::ProbeFacts> injected;
  std::optional<smtp::ProbeFacts> compressed;
  std::vector<VersionFacts> versions;
  std::shared_ptr<const SentChain> chain;  // of the first of `newest` and `oldest` with one; else null
};

class ServerProbes {
 public:
  // Keeps the facts of `max_kept` servers (at least one) for those who ask later: those that were asked for last. A
  // server that is forgotten is connected to again.
  ServerProbes(smtp::Probe probe, Depth depth, Chains& chains, std::size_t max_kept)
      : probe_(std::move(probe)), depth_(depth), chains_(chains), max_kept_(max_kept) {}

  // Those who ask for the same address, port and SNI share the connections. The facts do not change once they are
  // returned.
  event::Task<std::shared_ptr<const ServerFacts>> ask(smtp::ProbeRequest request);

 private:
  using Key = std::pair<std::string, std::string>;  // "192.0.2.1 25", SNI
  using Shared = std::shared_ptr<const ServerFacts>;
  struct Entry {
    Shared facts;  // null while they are gathered
    std::vector<event::Completion<Shared>*> waiting;
    std::list<const Key*>::iterator use;  // in used_, once there are facts
  };

  event::Task<ServerFacts> connect(smtp::ProbeRequest request);
  // `newer`: what was found of the versions after it.
  event::Task<VersionFacts> find_version(smtp::ProbeRequest request, smtp::TlsVersion version,
                                         std::span<const VersionFacts> newer);
  event::Task<smtp::ProbeFacts> probe_for_group(smtp::ProbeRequest request, std::vector<GroupFacts>& groups);
  void forget_oldest();

  smtp::Probe probe_;
  Depth depth_;
  Chains& chains_;
  std::size_t max_kept_;
  std::map<Key, Entry> entries_;  // a map does not move its entries
  std::list<const Key*> used_;    // of those with facts; asked for last is last
};

}  // namespace starttls::examination
