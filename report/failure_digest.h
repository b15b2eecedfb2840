// The failures in reports, added up by policy domain and result type.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "tlsrpt/report.h"

namespace starttls::report {

inline constexpr std::size_t max_failure_groups = 1'000;  // further ones are suppressed
inline constexpr std::size_t max_failure_names = 100;     // of each kind in a group; further ones are omitted
// The limit for the bytes of all names of a digest. Names beyond it are left out; groups whose own names are
// beyond it are suppressed.
inline constexpr std::size_t max_digest_size = std::size_t{4} << 20U;
inline constexpr std::size_t max_report_digest_size = std::size_t{256} << 10U;  // of one report

struct FailureGroup {
  std::uint64_t sessions = 0;
  // Our MX hosts, with their sessions; the address if there is no name.
  std::map<std::string, std::uint64_t> mx_hosts;
  std::set<std::string> reporters;
  std::set<std::string> sending_addresses;
  std::set<std::string> reasons;  // failure-reason-code and additional-information
};

class FailureDigest {
 public:
  // `max_size`: bytes of all names.
  explicit FailureDigest(std::size_t max_size = max_digest_size) : max_size_(max_size) {}

  // Policy domain, and result type or tlsrpt::no_details_given, tlsrpt::no_type_given.
  using Key = std::pair<std::string, std::string>;

  // Adds the failures under a policy. If its details have fewer sessions than it counts as failed, the rest
  // is added without details. (They may have more: one session can fail in several ways.)
  void add(const tlsrpt::PolicyResult& policy);
  // Adds the failures in a report of the reporter.
  void add(const std::string& reporter, const FailureDigest& report);

  const std::map<Key, FailureGroup>& groups() const { return groups_; }
  std::uint64_t suppressed() const { return suppressed_; }  // sessions of groups beyond the limits
  std::size_t size() const { return size_; }                // bytes of all names

 private:
  FailureGroup* group(const std::string& policy_domain, std::string_view result_type, std::uint64_t sessions);

  bool has_room(const std::string& name);
  void add_name(std::set<std::string>& names, const std::string& name);
  void add_host(FailureGroup& group, const std::string& host, std::uint64_t sessions);

  std::size_t max_size_;
  std::size_t size_ = 0;
  std::map<Key, FailureGroup> groups_;
  std::uint64_t suppressed_ = 0;
};

}  // namespace starttls::report
