#include <algorithm>

#include "dns/servers.h"
#include "fuzz.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto text = fuzz::text_of(bytes, size);
  const auto servers = dns::resolv_conf_servers(text);
  fuzz::require(servers.size() <= 3);
  for (const std::string& server : servers) {
    fuzz::require(dns::check_server(server).has_value());
    fuzz::require(dns::resolv_conf_servers("nameserver " + server) == std::vector{server});
  }
  for (const std::string& anchor : dns::trust_anchor_names(text)) fuzz::require(!anchor.empty());
  return 0;
}
