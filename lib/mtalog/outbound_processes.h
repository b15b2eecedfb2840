// The processes of mail servers that deliver mail, with their connections: what OutboundParser must remember
// from line to line.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "mtalog/outbound_handshake.h"
#include "mtalog/outbound_lines.h"

namespace starttls::mtalog {

// A failure for the recipients of one domain only.
struct DomainFailure {
  std::string domain;
  std::string_view result_type;  // a literal
  std::string reason;
};

// One connection to a mail server, or what took its place: an MX host that a policy does not allow.
struct OutboundConnection {
  static constexpr std::size_t max_reason_size = 300;
  static constexpr std::size_t max_domains = 100;  // further ones are not counted
  static constexpr std::size_t max_domain_failures = 10;

  std::uint64_t place = 0;  // of its first line
  Time time;                // of that line
  Time last_use;
  Peer peer;  // without host where the log does not name it yet
  Protection protection = Protection::none;
  std::string tls_version;
  bool is_established = false;  // TLS is
  bool has_failed = false;
  std::string_view result_type;  // a literal
  std::string reason;            // as the log has it, cut; may be known before the connection fails
  std::vector<DomainFailure> domain_failures;
  bool is_over = false;              // later lines are not about it
  bool is_reported = false;          // by a TLSRPT line, which is all that counts
  std::string queue_id;              // of the message that it was made for; empty where that is not known yet
  std::vector<std::size_t> domains;  // hashes of those for which it was counted

  void note_reason(std::string_view text);
  void fail(std::string_view type, std::string_view text);
  void fail_for(std::string domain, std::string_view type, std::string_view text);
  // The handshake for a recipient domain; none when it was counted already.
  std::optional<OutboundHandshake> count_for(const std::string& domain);
};

struct OutboundProcess {
  static constexpr std::size_t max_connections = 8;  // at once; the oldest is dropped
  static constexpr std::size_t max_recipients = 100;

  std::string queue_id;                         // of the last line about a message
  std::vector<std::size_t> recipients;          // of that message: hashes of those that the log has named
  std::vector<OutboundConnection> connections;  // in the order in which they began
  std::uint64_t line = 0;
  std::optional<std::uint64_t> begin;  // under which it is indexed

  // The last connection for which the condition holds.
  template <typename Condition>
  OutboundConnection* last(Condition condition) {
    for (OutboundConnection& one : std::views::reverse(connections)) {
      if (!one.is_over && condition(one)) return &one;
    }
    return nullptr;
  }
};

class OutboundProcesses {
 public:
  // A process without a line among so many lines of interest is dropped.
  static constexpr std::uint64_t max_idle_lines = 200'000;

  OutboundProcesses(std::size_t max_unfinished, std::chrono::seconds max_age)
      : max_unfinished_(max_unfinished), max_age_(max_age) {}

  // Finds or adds a process. It is valid until settle(), which must follow.
  OutboundProcess& at(const std::string& key, Time now);
  // None where there is no such process.
  OutboundProcess* find(const std::string& key);
  // Drops the process if it has no connection.
  void settle(const std::string& key);

  std::optional<std::uint64_t> first_needed() const;
  std::optional<Time> first_needed_time() const;
  bool is_needed(std::uint64_t place) const { return by_begin_.contains(place); }
  std::size_t size() const { return processes_.size(); }

 private:
  using Processes = std::unordered_map<std::string, OutboundProcess>;

  void forget(Processes::iterator process);
  void forget_old(Time now);
  void remove_from_index(const std::string& key, OutboundProcess& process);

  std::size_t max_unfinished_;
  std::chrono::seconds max_age_;
  Processes processes_;
  std::multimap<std::uint64_t, std::string> by_begin_;
  std::uint64_t lines_ = 0;
};

}  // namespace starttls::mtalog
