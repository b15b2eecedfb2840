// What was seen of a domain as a receiver of mail: the answers of the DNS, its MTA-STS policy, and how its mail
// servers speak SMTP and TLS. Plain values without judgement; judge.h judges them.
//
// Two times matter: `now`, when the facts were gathered, and `later`, some days ahead, for what runs out until then.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "certificate/certificate.h"
#include "certificate/chain.h"
#include "certificate/tlsa.h"
#include "dane/dane.h"
#include "dns/answer.h"
#include "http/fetcher.h"
#include "mtasts/mode.h"
#include "mtasts/mx_pattern.h"
#include "mtasts/policy_state.h"
#include "smtp/accepted.h"
#include "smtp/probe.h"
#include "tlsrpt/record.h"

namespace starttls::examination {

// A chain as a server sent it, and what follows from it for one host.
struct ChainFacts {
  std::vector<certificate::Certificate> certificates;  // the server's own first; not empty
  bool in_order = true;
  bool has_name = false;            // the host's, by certificate::matches()
  certificate::ChainVerdict trust;  // at DomainFacts::now
  // For each of dane::Host::records of the host, in their order.
  std::vector<certificate::TlsaMatch> tlsa;        // at DomainFacts::now
  std::vector<certificate::TlsaMatch> tlsa_later;  // at DomainFacts::later
};

// A group of a key exchange that a server has used: smtp::Handshake::group and group_bits.
struct GroupFacts {
  std::string name;
  int bits = 0;

  bool operator==(const GroupFacts&) const = default;
};

// What a server accepts of one version of TLS: nothing, where it does not accept the version.
struct VersionFacts {
  smtp::TlsVersion version = smtp::TlsVersion::tls1_3;
  std::vector<std::string> suites;  // as IANA calls them, in the order in which the server chose them
  std::vector<GroupFacts> groups;   // each once
  smtp::SuiteOrder order = smtp::SuiteOrder::unknown;
  std::string incomplete;  // why there may be more; "": these are all that OpenSSL can offer
};

// One address of an MX host. Nothing was asked where `newest` is empty.
struct AddressFacts {
  std::string address;                       // "192.0.2.1", "2001:db8::1"
  std::optional<smtp::ProbeFacts> newest;    // a connection that allows TLS 1.2 and 1.3
  std::optional<smtp::ProbeFacts> oldest;    // a connection that allows only TLS 1.0 and 1.1
  std::optional<smtp::ProbeFacts> injected;  // a connection with a command in plaintext behind STARTTLS
  // A connection that offers the compression of TLS 1.2 and older.
  std::optional<smtp::ProbeFacts> compressed;
  std::vector<VersionFacts> versions;  // all of them, the newest first; empty where they were not wanted
  std::optional<ChainFacts> chain;     // of the first of `newest` and `oldest` with a chain
};

struct HostFacts {
  std::string name;  // lower case, without trailing dot
  dns::Answer a;
  dns::Answer aaaa;
  dns::Answer tlsa;                // at _25._tcp.NAME, whatever DNSSEC says of it
  std::optional<dane::Host> dane;  // by RFC 7672, with its records; none where it was not looked up
  std::vector<AddressFacts> addresses;
};

struct MtaStsFacts {
  dns::Answer record;  // TXT of _mta-sts.DOMAIN
  // Of the policy host, mta-sts.DOMAIN; none where there is no record.
  std::optional<dns::Answer> a;
  std::optional<dns::Answer> aaaa;
  std::optional<http::Page> page;                       // none where the policy host has no address
  std::optional<certificate::Certificate> certificate;  // of the policy host, where it is valid
  std::optional<mtasts::FetchedPolicy> before;          // what an earlier fetch returned
};

// One destination of a TLSRPT record.
struct ReportDestinationFacts {
  tlsrpt::Destination destination;
  dns::Answer mx;                  // of the domain of a mailto:
  dns::Answer a;                   // of that domain where it has no MX records, or of the host of an https:
  dns::Answer aaaa;                // the same
  std::optional<http::Page> page;  // of an https:; any status shows that it is reachable
};

struct TlsrptFacts {
  dns::Answer record;  // TXT of _smtp._tls.DOMAIN
  std::vector<ReportDestinationFacts> destinations;
};

// An entry of an installed list, or an override of the operator.
struct ListFacts {
  std::string list;  // its name; "" for an override
  mtasts::Mode mode = mtasts::Mode::none;
  std::vector<mtasts::MxPattern> mx;
  std::optional<Time> expires;  // of the list; none for an override
};

// How much is asked of a server. `thorough`: whether it takes a command in plaintext behind STARTTLS, whether it
// compresses, and every version, suite and group, one by one: some 40 connections.
enum class Depth { brief, thorough };

// Whether mail servers were asked at all.
enum class Smtp { asked, skipped };

// Whether a mail server of any domain has been reached, by family of addresses: then the own network does not block
// port 25.
struct ReachedFacts {
  bool ipv4 = false;
  bool ipv6 = false;
};

struct DomainFacts {
  DomainName domain;
  Time now;
  Time later;
  Smtp smtp = Smtp::asked;
  ReachedFacts reached;
  dns::Answer mx;
  std::vector<HostFacts> hosts;  // by preference, each once, at most dane::max_hosts
  std::size_t hosts_left_out = 0;
  bool only_host = false;  // `hosts` is one that the user named, whatever the MX records are
  MtaStsFacts mta_sts;
  TlsrptFacts tlsrpt;
  std::vector<ListFacts> lists;  // later ones go before earlier ones
};

}  // namespace starttls::examination
