// The judges, each of one subject. Internal to this component.
#pragma once

#include <string>
#include <string_view>

#include "examination/demand.h"
#include "examination/facts.h"
#include "examination/finding.h"

namespace starttls::examination {

void judge_mx(const Reading& reading, Report& report);
// Whether mail servers can be reached, and how they speak.
void judge_smtp(const Reading& reading, Report& report);
void judge_starttls(const Reading& reading, Report& report);
void judge_tls(const Reading& reading, Report& report);
// All versions, suites and groups of one address, where AddressFacts::versions has them.
void judge_accepted(const AddressFacts& address, const Subject& subject, Report& report);
void judge_certificates(const Reading& reading, Report& report);
void judge_mta_sts(const Reading& reading, Report& report);
void judge_tlsrpt(const Reading& reading, Report& report);
void judge_dane(const Reading& reading, Report& report);
void judge_lists(const Reading& reading, Report& report);

// Subjects.
Subject subject_of(const DomainFacts& facts);
Subject subject_of(const HostFacts& host);
Subject subject_of(const HostFacts& host, const AddressFacts& address);

// Whether a mail server would look up its addresses: its name is one of a host, and no address.
bool is_host(const HostFacts& host);

// Calls `each` with every host and every address of it.
template <class Each>
void for_each_address(const DomainFacts& facts, Each each) {
  for (const HostFacts& host : facts.hosts) {
    for (const AddressFacts& address : host.addresses) each(host, address);
  }
}

// Whether no connection was possible to any address: the own network, most likely.
bool is_own_network_blocked(const DomainFacts& facts);
// Whether this address counts for that, or for a family of addresses that cannot be reached from here.
bool is_out_of_reach(const DomainFacts& facts, const AddressFacts& address);

// The handshake of the newest version that succeeded; nullptr where there is none.
const smtp::Handshake* handshake_of(const AddressFacts& address);

// Whether the server has said that there is no TLS: no offer, a permanent rejection, or a handshake that fails.
bool is_without_tls(const AddressFacts& address);
bool is_without_tls(const smtp::ProbeFacts& probe);

// The level of what keeps senders that demand TLS away: enforce is a fault, else a warning.
Level level_of_tls(Demand demand);
// What follows where TLS fails, by demand and its source.
std::string why_tls(Demand demand, std::string_view source);

// The level of what keeps senders that demand a trusted certificate away: fault, warning, note; ok where DANE
// authenticates the host and nothing else demands it.
Level level_of_webpki(const Reading& reading, const HostFacts& host);
std::string why_webpki(const Reading& reading, const HostFacts& host);

// "2026-11-28"
std::string shown_day(Time time);
// Whole days from one time to a later one.
std::string days_between(Time from, Time to);

// Whether one that ends at this time, by `later`, deserves a warning: less than a third of its lifetime is left.
// Certificates of few days are renewed late.
bool ends_soon(const certificate::Certificate& certificate, Time now);

// Findings about a text in a record or policy, beside those that refuse it.
void add_syntax(Report& report, Code code, const Subject& subject,
                const std::vector<starttls::Finding>& findings, std::string_view remedy);

// The sentence about an answer that failed.
std::string failed_lookup(std::string_view what, const dns::Answer& answer);
bool is_bogus(const dns::Answer& answer);

}  // namespace starttls::examination
