#include "mtalog/outbound_parser.h"

#include <utility>

#include "base/text.h"
#include "mtalog/message.h"
#include "mtalog/outbound_entry.h"

namespace starttls::mtalog {
namespace {

constexpr std::string_view smtp = "/smtp";
constexpr std::string_view tlsproxy = "/tlsproxy";

bool is_program(std::string_view program, std::string_view name) {
  return program.size() > name.size() && program.ends_with(name);
}

}  // namespace

std::string tls_version_in(std::string_view text) {
  constexpr std::size_t max_size = 16;
  const std::string_view version = text.substr(0, text.find_first_of(" ,"));
  const bool is_version = version.starts_with("TLSv") || version.starts_with("SSLv");
  return is_version && version.size() <= max_size ? printable(version) : std::string();
}

std::vector<OutboundHandshake> OutboundParser::add(const Line& line, Time time, std::uint64_t place) {
  if (line.process.empty()) return {};
  if (is_program(line.program, tlsproxy)) return add_tlsproxy(line, time, place);
  const bool is_postfix = is_program(line.program, smtp);
  if (!is_postfix && !is_of_sendmail(line)) return {};
  const std::string key = process_key(line);
  Entry entry{.line = line,
              .time = time,
              .place = place,
              .process = processes_.at(key, time),
              .is_sendmail = !is_postfix};
  if (is_postfix) {
    add_postfix(entry);
  } else {
    add_sendmail(entry);
  }
  processes_.settle(key);
  return std::move(entry.found);
}

// A new connection of the process. Those that were delivered through are no longer needed: Postfix logs it
// when it uses one again; Sendmail does not.
OutboundConnection& OutboundParser::begin(Entry& entry, Peer peer) {
  std::vector<OutboundConnection>& all = entry.process.connections;
  std::erase_if(all, [&](const OutboundConnection& one) {
    const bool may_be_used =
        entry.is_sendmail && one.peer.host != peer.host && entry.time - one.last_use <= max_reuse_delay;
    return !one.queue_id.empty() && !may_be_used;
  });
  if (all.size() >= OutboundProcess::max_connections) all.erase(all.begin());
  all.push_back({.place = entry.place, .time = entry.time, .last_use = entry.time, .peer = std::move(peer)});
  return all.back();
}

OutboundConnection* OutboundParser::begin_plaintext(Entry& entry, const Peer& peer, bool is_known) {
  if (is_known || logs_tls_.contains(std::string(entry.line.program))) return &begin(entry, peer);
  ++unclear_lines_;
  return nullptr;
}

void OutboundParser::note_tls(std::string_view program) {
  if (logs_tls_.size() < max_programs) logs_tls_.emplace(program);
}

}  // namespace starttls::mtalog
