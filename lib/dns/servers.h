// Addresses of name servers, as in configurations and resolv.conf(5).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace starttls::dns {

// "192.0.2.1", "2001:db8::1", "fe80::1%eth0", each with "@5353" for a port that is not 53. Fault::config
// else.
Result<void> check_server(std::string_view text);

// The name servers of a resolv.conf(5), the first three, in the form above, which also allows a port there.
// Invalid lines are ignored.
std::vector<std::string> resolv_conf_servers(std::string_view resolv_conf);

// The owner names of the trust anchors in a zone file with one record a line, in its order.
std::vector<std::string> trust_anchor_names(std::string_view zone_file);

}  // namespace starttls::dns
