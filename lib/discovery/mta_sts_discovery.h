// Finds the MTA-STS policy of a domain (RFC 8461 sections 3.1 and 3.3): the record from the DNS, the policy
// from its host, the state before and after by mtasts/policy_state.h.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "base/clock.h"
#include "base/domain.h"
#include "dns/resolver.h"
#include "event/task.h"
#include "http/fetcher.h"
#include "mtasts/policy_state.h"

namespace starttls::discovery {

struct MtaStsDiscovery {
  mtasts::RecordState record;
  std::string record_reason;           // where it is none or unknown, a sentence
  std::chrono::seconds record_ttl{0};  // of the answer
  mtasts::PolicyState policy_state;    // afterwards
  bool fetched = false;                // whether the policy host was asked, or had no address
  // Why the lookup was given up because of other domains (http::FetchError::busy, dns::Answer::put_off), a
  // sentence. This is no failure of the domain and is not stored as one; whether there is a policy is
  // unknown.
  std::string put_off;
};

enum class FetchMode {
  when_due,  // fetch only where mtasts::must_fetch() returns true
  now,       // fetch wherever there is a record: a user asked for it
};

// The DNS and the policy hosts. A test can replace them.
struct Lookups {
  std::function<event::Task<dns::Answer>(std::string name, dns::Type type)> ask;
  std::function<event::Task<http::Page>(http::PageRequest request)> get;
};

// Both must outlive it.
Lookups make_lookups(dns::Resolver& resolver, http::Fetcher& fetcher);

// Looks up the domain and returns the state after that; stores nothing. The IPv6 addresses of the
// policy host are looked up only where it has no IPv4 address that leads to it.
event::Task<MtaStsDiscovery> discover(Lookups network, DomainName domain, mtasts::PolicyState before,
                                      FetchMode fetch_mode, Clock clock);

}  // namespace starttls::discovery
