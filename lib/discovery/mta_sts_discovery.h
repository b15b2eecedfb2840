// Finding the MTA-STS policy of a domain (RFC 8461 sections 3.1 and 3.3): the record from the DNS, the policy
// from its host, what is known before and after by knowledge.h.
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
  std::chrono::seconds record_ttl{0};  // how long that may be believed
  mtasts::PolicyState policy_state;    // as it is now
  bool fetched = false;  // whether the policy host was asked, or could not be for want of an address
  // Why the DNS or the policy host was not asked to the end, a sentence, where others were in the way
  // (http::FetchError::busy, dns::Answer::put_off). That is no failure of the domain and is not kept as one;
  // whether there is a policy is not known.
  std::string put_off;
};

enum class FetchMode {
  when_due,  // fetch only where must_fetch() says so
  now,       // fetch wherever there is a record: a person asked
};

// Who is asked, so that a test can bring its own world.
struct Lookups {
  std::function<event::Task<dns::Answer>(std::string name, dns::Type type)> ask;
  std::function<event::Task<http::Page>(http::PageRequest request)> get;
};

// Both must outlive it.
Lookups make_lookups(dns::Resolver& resolver, http::Fetcher& fetcher);

// Takes what is known and says what is known then; nothing is kept here. The addresses of the policy host are
// asked for at the same time, and one of the two kinds suffices.
event::Task<MtaStsDiscovery> discover(Lookups network, DomainName domain, mtasts::PolicyState before,
                                      FetchMode fetch_mode, Clock clock);

}  // namespace starttls::discovery
