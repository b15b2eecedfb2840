#include "report/failure_digest.h"

#include "base/saturated.h"
#include "base/text.h"
#include "tlsrpt/explanation.h"

namespace starttls::report {

// Reserves the bytes of the name if it fits.
bool FailureDigest::has_room(const std::string& name) {
  if (name.size() > max_size_ - size_) return false;
  size_ += name.size();
  return true;
}

void FailureDigest::add_name(std::set<std::string>& names, const std::string& name) {
  if (name.empty() || names.size() == max_failure_names || names.contains(name)) return;
  if (has_room(name)) names.insert(name);
}

void FailureDigest::add_host(FailureGroup& group, const std::string& host, std::uint64_t sessions) {
  if (host.empty()) return;
  const auto known = group.mx_hosts.find(host);
  if (known != group.mx_hosts.end()) {
    add_saturated(known->second, sessions);
  } else if (group.mx_hosts.size() < max_failure_names && has_room(host)) {
    group.mx_hosts.emplace(host, sessions);
  }
}

FailureGroup* FailureDigest::group(const std::string& policy_domain, std::string_view result_type,
                                   std::uint64_t sessions) {
  Key key(to_lower(policy_domain), to_lower(result_type));
  auto found = groups_.find(key);
  if (found == groups_.end()) {
    if (groups_.size() == max_failure_groups || !has_room(key.first + key.second)) {
      add_saturated(suppressed_, sessions);
      return nullptr;
    }
    found = groups_.emplace(std::move(key), FailureGroup()).first;
  }
  add_saturated(found->second.sessions, sessions);
  return &found->second;
}

void FailureDigest::add(const tlsrpt::PolicyResult& policy) {
  std::uint64_t detailed = 0;
  for (const tlsrpt::FailureDetail& detail : policy.failure_details) {
    add_saturated(detailed, detail.failed_session_count);
    const std::string_view type = detail.result_type.empty() ? tlsrpt::no_type_given : detail.result_type;
    FailureGroup* const target = group(policy.policy_domain, type, detail.failed_session_count);
    if (target == nullptr) continue;
    add_name(target->sending_addresses, detail.sending_mta_ip);
    add_name(target->reasons, detail.failure_reason_code);
    add_name(target->reasons, detail.additional_information);
    add_host(
        *target,
        detail.receiving_mx_hostname.empty() ? detail.receiving_ip : to_lower(detail.receiving_mx_hostname),
        detail.failed_session_count);
  }
  if (policy.failed_sessions > detailed)
    group(policy.policy_domain, tlsrpt::no_details_given, policy.failed_sessions - detailed);
}

void FailureDigest::add(const std::string& reporter, const FailureDigest& report) {
  add_saturated(suppressed_, report.suppressed_);
  for (const auto& [key, added] : report.groups_) {
    FailureGroup* const target = group(key.first, key.second, added.sessions);
    if (target == nullptr) continue;
    for (const auto& [host, sessions] : added.mx_hosts) add_host(*target, host, sessions);
    add_name(target->reporters, reporter);
    for (const std::string& name : added.sending_addresses) add_name(target->sending_addresses, name);
    for (const std::string& name : added.reasons) add_name(target->reasons, name);
  }
}

}  // namespace starttls::report
