// Domains for the tests of the judges: all is right with them, but for what a test changes.
#pragma once

#include <string>

#include "examination/facts.h"

namespace starttls::examination::test {

// Two MX hosts, mx1 with 192.0.2.1 and 2001:db8::1, and mx2 with 192.0.2.2. MTA-STS in mode enforce, DANE with DANE-EE
// records for two keys, TLS reports, and an entry in the list "example".
DomainFacts sound();
// As sound(), in mode testing, without DANE and list.
DomainFacts testing();
// As sound(), without MTA-STS and list: only DANE demands something.
DomainFacts only_dane();
// As sound(), but nothing demands anything.
DomainFacts undemanded();

// Their parts.
dns::Answer found();  // signed, without records
dns::Answer none();   // signed, no such records
dns::Answer failed();
dns::Answer bogus();
dns::Answer texts(std::string text);
http::Page page(std::string body);
http::Page error_page(http::FetchError error);
std::string policy_text(std::string_view mode,
                        std::string_view mxs = "mx: mx1.example.org\nmx: mx2.example.org\n",
                        std::string_view max_age = "1209600");
mtasts::MxPattern pattern(std::string_view text);
tlsrpt::Destination destination(std::string_view uri);

// The first MX host, and its first address.
HostFacts& mx1(DomainFacts& facts);
AddressFacts& address(DomainFacts& facts);
smtp::ProbeFacts& probe(DomainFacts& facts);
smtp::Handshake& tls(DomainFacts& facts);
ChainFacts& chain(DomainFacts& facts);

// The connection to an address ends there, and nothing is known of TLS.
void stop(AddressFacts& address, smtp::Stop stop, smtp::Step reached);
void stop(DomainFacts& facts, smtp::Stop stop, smtp::Step reached);
void stop_all(DomainFacts& facts, smtp::Stop stop, smtp::Step reached);
void set_trust(DomainFacts& facts, certificate::ChainFault fault);
void set_dane(HostFacts& host, dane::TlsaStatus status);
void without_mta_sts(DomainFacts& facts);

}  // namespace starttls::examination::test
