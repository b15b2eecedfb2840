// Collects the policies of each received report: whether one is ours, and whether its sessions count, may
// depend on the other policies of its report.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "report/policy_owner.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {

// A report with more policies, or with more memory for them, is processed in parts.
inline constexpr std::size_t max_policies_at_once = 1'000;
inline constexpr std::size_t max_size_at_once = std::size_t{512} << 10U;  // in bytes, approximately

// A policy that is ours, or of another domain.
struct Reported : tlsrptdb::ReportedPolicy {
  PolicyOwner owner;
  // Sessions of this policy that are also under another policy of its report, and count there: see
  // same_sessions.h. They are in no figure of `policy`.
  std::uint64_t counted_elsewhere = 0;

  Reported() = default;
  Reported(tlsrptdb::ReportedPolicy reported) : ReportedPolicy(std::move(reported)) {}  // ours
  Reported(tlsrptdb::ReportedPolicy reported, PolicyOwner owned_by)
      : ReportedPolicy(std::move(reported)), owner(std::move(owned_by)) {}
};

using ReportedSink = std::function<void(const Reported&)>;

// The approximate size in memory, in bytes.
std::size_t memory_size(const tlsrpt::PolicyResult& policy);

// The MX hosts of our policy domains that each reporter saw, in any of its reports.
class SeenMxHosts {
 public:
  // `ours` must outlive this object.
  explicit SeenMxHosts(const OurDomains& ours) : ours_(ours) {}

  void add(const tlsrptdb::ReportedPolicy& reported);
  const MxHosts* find(const tlsrptdb::ReportedPolicy& reported) const;  // null if there are none

 private:
  const OurDomains& ours_;
  std::map<std::string, MxHosts> reporters_;
};

// Receives the policies of one report after another, and passes them on when their report is complete.
class ReportAssembler {
 public:
  // All arguments must outlive this object; `seen` may be null.
  ReportAssembler(const OurDomains& ours, const SeenMxHosts* seen, const ReportedSink& take)
      : ours_(ours), seen_(seen), take_(take) {}

  void add(tlsrptdb::ReportedPolicy&& reported);
  // Called after the last policy.
  void finish();

 private:
  const OurDomains& ours_;
  const SeenMxHosts* seen_;
  const ReportedSink& take_;
  std::vector<tlsrptdb::ReportedPolicy> policies_;  // of one report
  std::size_t weight_ = 0;
};

}  // namespace starttls::report
