// Gathers the facts about domains (facts.h): asks the DNS, fetches the policy, and connects to every address of every
// MX host. Runs in the thread of one loop; a test brings its own sources.
//
//     examination::Gatherer gatherer(sources, settings);
//     const examination::DomainFacts facts = co_await gatherer.gather(domain);
//
// Many domains share few mail servers. An address is asked once for all domains of a Gatherer, with each name of an MX
// host: certificates depend on it (SNI). What is kept for that is bounded by GatherSettings::max_servers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/ip_address.h"
#include "certificate/chain.h"
#include "discovery/dane_lookup.h"
#include "event/task.h"
#include "examination/facts.h"
#include "http/fetcher.h"
#include "smtp/probe.h"

namespace starttls::examination {

// Addresses of one MX host that are asked; further ones are left out.
inline constexpr std::size_t max_addresses = 16;

struct Sources {
  discovery::AskDns ask;
  std::function<event::Task<http::Page>(http::PageRequest request)> get;
  // Not set: no mail server is asked.
  std::function<event::Task<smtp::ProbeFacts>(smtp::ProbeRequest request)> probe;
  // What lists and overrides say; later ones go before earlier ones. Not set: nothing.
  std::function<std::vector<ListFacts>(const DomainName& domain)> lists;
  // What an earlier fetch of the MTA-STS policy returned. Not set: nothing.
  std::function<std::optional<mtasts::FetchedPolicy>(const DomainName& domain)> policy_before;
};

// Where to connect instead of port 25 of an MX host's addresses.
struct Endpoint {
  IpAddress address;
  std::uint16_t port = 25;
};

struct GatherSettings {
  Time now;
  Time later;             // for what runs out until then
  std::string ehlo_name;  // of this host
  Depth depth = Depth::brief;
  std::optional<DomainName> only_host;      // as if it were the only MX host
  std::map<std::string, Endpoint> connect;  // by the name of an MX host
  // Domains that are looked up at the same time; further ones wait. Those that wait for mail servers do not count. A
  // question to the DNS fails some seconds after it is asked, and also one that has to wait.
  std::size_t max_lookups = 100;
  // Servers whose facts are kept for domains that come later. One takes some KiB, and more where it talks a lot.
  std::size_t max_servers = 4'096;
};

class Gatherer {
 public:
  Gatherer(Sources sources, certificate::Authorities authorities, GatherSettings settings);
  Gatherer(const Gatherer&) = delete;
  Gatherer& operator=(const Gatherer&) = delete;
  // All tasks must have ended.
  ~Gatherer();

  // Never fails: what was not found out says so. Ends within the limits of the sources.
  event::Task<DomainFacts> gather(DomainName domain);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace starttls::examination
