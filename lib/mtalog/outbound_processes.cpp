#include "mtalog/outbound_processes.h"

#include <algorithm>
#include <functional>
#include <utility>

#include "base/text.h"

namespace starttls::mtalog {

void OutboundConnection::note_reason(std::string_view text) {
  reason = text.substr(0, max_reason_size);
}

void OutboundConnection::fail(std::string_view type, std::string_view text) {
  has_failed = true;
  result_type = type;
  note_reason(text);
}

void OutboundConnection::fail_for(std::string domain, std::string_view type, std::string_view text) {
  if (domain_failures.size() >= max_domain_failures) return;
  domain_failures.push_back({.domain = std::move(domain),
                             .result_type = type,
                             .reason = std::string(text.substr(0, max_reason_size))});
}

std::optional<OutboundHandshake> OutboundConnection::count_for(const std::string& domain) {
  const std::size_t hash = std::hash<std::string>{}(domain);
  if (domains.size() >= max_domains || std::ranges::find(domains, hash) != domains.end()) return std::nullopt;
  domains.push_back(hash);
  OutboundHandshake found{.time = time,
                          .recipient_domain = domain,
                          .receiving_mx = peer.host,
                          .receiving_ip = peer.ip,
                          .protection = protection,
                          .tls_version = tls_version,
                          .failed = has_failed};
  if (has_failed) {
    found.result_type = result_type;
    found.reason = printable(reason, max_reason_size);
  }
  const auto own = std::ranges::find(domain_failures, domain, &DomainFailure::domain);
  if (!has_failed && own != domain_failures.end()) {
    found.failed = true;
    found.result_type = own->result_type;
    found.reason = printable(own->reason, max_reason_size);
  }
  return found;
}

OutboundProcess& OutboundProcesses::at(const std::string& key, Time now) {
  ++lines_;
  forget_old(now);
  OutboundProcess& process = processes_[key];
  process.line = lines_;
  return process;
}

OutboundProcess* OutboundProcesses::find(const std::string& key) {
  const auto found = processes_.find(key);
  return found == processes_.end() ? nullptr : &found->second;
}

void OutboundProcesses::settle(const std::string& key) {
  const auto found = processes_.find(key);
  OutboundProcess& process = found->second;
  if (process.connections.empty()) return forget(found);
  const std::uint64_t begin = process.connections.front().place;
  if (process.begin == begin) return;
  remove_from_index(key, process);
  process.begin = begin;
  by_begin_.emplace(begin, key);
}

void OutboundProcesses::forget(Processes::iterator process) {
  remove_from_index(process->first, process->second);
  processes_.erase(process);
}

void OutboundProcesses::remove_from_index(const std::string& key, OutboundProcess& process) {
  if (!process.begin) return;
  const auto [first, last] = by_begin_.equal_range(*process.begin);
  const auto found = std::find_if(first, last, [&](const auto& entry) { return entry.second == key; });
  if (found != last) by_begin_.erase(found);
  process.begin.reset();
}

void OutboundProcesses::forget_old(Time now) {
  while (!by_begin_.empty()) {
    const auto oldest = processes_.find(by_begin_.begin()->second);
    const OutboundProcess& process = oldest->second;
    const bool is_old =
        lines_ - process.line >= max_idle_lines || now - process.connections.front().time > max_age_;
    if (processes_.size() < max_unfinished_ && !is_old) break;
    forget(oldest);
  }
}

std::optional<std::uint64_t> OutboundProcesses::first_needed() const {
  if (by_begin_.empty()) return std::nullopt;
  return by_begin_.begin()->first;
}

std::optional<Time> OutboundProcesses::first_needed_time() const {
  if (by_begin_.empty()) return std::nullopt;
  return processes_.at(by_begin_.begin()->second).connections.front().time;
}

}  // namespace starttls::mtalog
