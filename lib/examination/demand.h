// What the records, the policy and the lists of a domain say, read once; and what they demand of its MX hosts. Internal
// to this component.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "examination/facts.h"
#include "mtasts/policy.h"
#include "mtasts/record.h"
#include "tlsrpt/record.h"

namespace starttls::examination {

// How strongly something is demanded of an MX host.
enum class Demand { none, testing, enforce };

// The facts, with what the texts in them mean. The facts must outlive it.
struct Reading {
  const DomainFacts& facts;
  mtasts::RecordReading mta_sts_record;
  mtasts::PolicyReading mta_sts_policy;  // of a page without error, else empty
  tlsrpt::RecordReading tlsrpt_record;
};
Reading read(const DomainFacts& facts);

// The policy that senders obey: there is a record, and its host returns a valid policy.
const mtasts::Policy* mta_sts_policy(const Reading& reading);

// Whether the domain takes no mail, and says nothing else (RFC 7505).
bool has_only_null_mx(const dns::Answer& mx);

// Whether the list of an entry has not expired, or is an override.
bool applies(const ListFacts& list, Time now);

bool covers(const ListFacts& list, const DomainName& host);

// What MTA-STS and lists demand: a trusted certificate with the name of the host. Of a host that none of their
// patterns covers they demand nothing, as no such sender delivers there.
Demand webpki_demand(const Reading& reading, std::string_view host);
// "the MTA-STS policy", "the list 'x'", "the override": what makes webpki_demand(); "" for none.
std::string webpki_source(const Reading& reading, std::string_view host);

// Whether DANE binds senders to this host: usable TLSA records, with signed addresses.
bool has_dane(const HostFacts& host);
// Whether TLSA records demand TLS, usable or not (RFC 7672 section 2.2).
bool has_tlsa(const HostFacts& host);
// Whether all usable records are DANE-EE(3): these need neither a name, nor trust, nor a valid time.
bool has_only_dane_ee(const HostFacts& host);

// What anything demands of TLS with this host: enforce with DANE.
Demand tls_demand(const Reading& reading, const HostFacts& host);
std::string tls_source(const Reading& reading, const HostFacts& host);

}  // namespace starttls::examination
