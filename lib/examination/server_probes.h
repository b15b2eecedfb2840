// The connections to one address, made once for all that ask for it. Internal to this component.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "event/task.h"
#include "smtp/probe.h"

namespace starttls::examination {

// What they found.
struct ServerFacts {
  smtp::ProbeFacts newest;
  std::optional<smtp::ProbeFacts> oldest;    // none where the newest did not get as far as a handshake
  std::optional<smtp::ProbeFacts> injected;  // the same, and none unless it is wanted
};

class ServerProbes {
 public:
  using Probe = std::function<event::Task<smtp::ProbeFacts>(smtp::ProbeRequest request)>;
  ServerProbes(Probe probe, bool inject) : probe_(std::move(probe)), inject_(inject) {}

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

  Probe probe_;
  bool inject_;
  std::map<Key, Entry> entries_;
};

}  // namespace starttls::examination
