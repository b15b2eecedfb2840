// Everything that a mail server accepts of one version of TLS: its cipher suites and groups, found one by
// one. Each connection offers those not yet found, and the server chooses one, until it refuses the rest.
// That takes one connection for each that it accepts, and one more, a second apart (schedule.h): half a
// minute and more.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "event/task.h"
#include "smtp/probe.h"

namespace starttls::smtp {

// Prober::probe(), or a function of a test.
using Probe = std::function<event::Task<ProbeFacts>(ProbeRequest request)>;

struct Suite {
  std::string name;           // as OpenSSL calls it, for ProbeRequest: "ECDHE-RSA-AES128-SHA"
  std::string standard_name;  // as IANA does, in Handshake: "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA"
};

// All cipher suites that OpenSSL can offer with a version, also those without encryption or authentication.
std::vector<Suite> known_suites(TlsVersion version);

// All groups that OpenSSL can offer with a version. `standard_name` is that of Handshake::group.
std::vector<Suite> known_groups(TlsVersion version);

struct Accepted {
  std::vector<std::string> names;  // as in Handshake, in the order in which the server chose them
  // Stop::none: these are all that OpenSSL knows. Else why the others are not known.
  Stop stop = Stop::none;
  std::string reason;
};

// `request` says where and as whom; its versions, suites and groups do not count.
event::Task<Accepted> find_accepted_suites(Probe probe, ProbeRequest request, TlsVersion version);

// The groups of the key exchange. Those of finite fields (ffdhe2048) are known with TLS 1.3 only. With older
// versions, those are missing that a server without an RSA key likes less than the curve of its own key.
event::Task<Accepted> find_accepted_groups(Probe probe, ProbeRequest request, TlsVersion version);

// Who chooses among the suites that client and server know.
enum class SuiteOrder { unknown, server, client };
// "unknown", "server", "client"
std::string_view to_string(SuiteOrder order);

// One connection that offers `suites`, which find_accepted_suites() found, in the reverse order. A server with
// an order of its own makes the same choice as before.
event::Task<SuiteOrder> find_suite_order(Probe probe, ProbeRequest request, TlsVersion version,
                                         std::vector<std::string> suites);

}  // namespace starttls::smtp
