// For the files of OutboundParser: a line with what belongs to it, and how lines are taken apart.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mtalog/outbound_parser.h"

namespace starttls::mtalog {

inline bool take_prefix(std::string_view& rest, std::string_view prefix) {
  if (!rest.starts_with(prefix)) return false;
  rest.remove_prefix(prefix.size());
  return true;
}

inline bool is_same(const Peer& one, const Peer& other) {
  return one.host == other.host && (one.ip == other.ip || one.ip.empty() || other.ip.empty());
}

// "TLSv1.3" of "TLSv1.3 with cipher ..."; empty for what is none.
std::string tls_version_in(std::string_view text);

// Whether it is a line of Sendmail that OutboundParser reads.
bool is_of_sendmail(const Line& line);

struct OutboundParser::Entry {
  const Line& line;
  Time time;
  std::uint64_t place;
  OutboundProcess& process;
  bool is_sendmail = false;
  std::vector<OutboundHandshake> found;

  // The connection to this host about which no delivery line was written yet.
  OutboundConnection* present(const Peer& peer) const {
    return process.last(
        [&](const OutboundConnection& one) { return one.queue_id.empty() && is_same(one.peer, peer); });
  }
  // The same, until its handshake has ended.
  OutboundConnection* before_tls(const Peer& peer) const {
    OutboundConnection* const found_one = present(peer);
    const bool is_before = found_one != nullptr && !found_one->is_established && !found_one->has_failed;
    return is_before ? found_one : nullptr;
  }
  // The connection to this host that was made for this message.
  OutboundConnection* of_message(const Peer& peer, std::string_view queue_id) const {
    return process.last([&](const OutboundConnection& one) {
      return (one.queue_id.empty() || one.queue_id == queue_id) && is_same(one.peer, peer);
    });
  }
  // Counts each connection that was made for this message, if it was not counted for the domain yet.
  void count(std::string_view queue_id, std::string_view recipient) {
    const auto domain = domain_of(recipient);
    for (OutboundConnection& one : process.connections) {
      if (one.queue_id.empty()) one.queue_id = queue_id;
      if (one.is_reported || one.queue_id != queue_id || !domain) continue;
      if (auto handshake = one.count_for(*domain)) found.push_back(std::move(*handshake));
    }
  }
};

}  // namespace starttls::mtalog
