// The connections to one address, made once for all that ask for it. Internal to this component.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "event/task.h"
#include "examination/facts.h"
#include "smtp/accepted.h"
#include "smtp/probe.h"

namespace starttls::examination {

// What they found.
struct ServerFacts {
  smtp::ProbeFacts newest;
  std::optional<smtp::ProbeFacts> oldest;  // none where the newest did not get as far as a handshake
  // The same, and only with Depth::thorough.
  std::optional<smtp::ProbeFacts> injected;
  std::optional<smtp::ProbeFacts> compressed;
  std::vector<VersionFacts> versions;
};

class ServerProbes {
 public:
  ServerProbes(smtp::Probe probe, Depth depth) : probe_(std::move(probe)), depth_(depth) {}

  // Those who ask for the same address, port and SNI share the connections. The facts do not change once they are
  // returned.
  event::Task<std::shared_ptr<const ServerFacts>> ask(smtp::ProbeRequest request);

 private:
  using Key = std::pair<std::string, std::string>;  // "192.0.2.1:25", SNI
  struct Entry {
    std::shared_ptr<const ServerFacts> facts;  // null while they are gathered
    std::vector<event::Completion<bool>*> waiting;
  };

  event::Task<ServerFacts> connect(smtp::ProbeRequest request);
  event::Task<VersionFacts> find_version(smtp::ProbeRequest request, smtp::TlsVersion version);
  event::Task<smtp::ProbeFacts> probe_for_group(smtp::ProbeRequest request, std::vector<GroupFacts>& groups);

  smtp::Probe probe_;
  Depth depth_;
  std::map<Key, Entry> entries_;
};

}  // namespace starttls::examination
