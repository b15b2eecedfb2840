// Which name servers are to be asked, as people write them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace starttls::dns {

// "192.0.2.1", "2001:db8::1", "fe80::1%eth0", each with "@5353" for a port that is not 53. Fault::config
// else.
Result<void> check_server(std::string_view text);

// Those of a resolv.conf(5), the first three as there, in the form above: a port is taken, too. Lines that
// make no sense are passed over.
std::vector<std::string> resolv_conf_servers(std::string_view resolv_conf);

// The owner names of trust anchors in zone file format, one record a line, in the order of the file.
std::vector<std::string> trust_anchor_names(std::string_view zone_file);

}  // namespace starttls::dns
