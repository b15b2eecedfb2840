// The policies of received reports as they count: report by report, so that what the rest of a report says of
// a policy is known.
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

// Of a report with more policies, or more in them, the rest is judged without what came before.
inline constexpr std::size_t max_policies_at_once = 1'000;
inline constexpr std::size_t max_size_at_once = std::size_t{512} << 10U;  // bytes, about

// A policy that is ours, or of another domain.
struct Reported : tlsrptdb::ReportedPolicy {
  PolicyOwner whose;
  // Sessions of this policy that stand under another one of its report, too, and count there: see
  // same_sessions.h. They are in no figure of `policy`.
  std::uint64_t counted_elsewhere = 0;

  Reported() = default;
  Reported(tlsrptdb::ReportedPolicy of) : ReportedPolicy(std::move(of)) {}  // ours
  Reported(tlsrptdb::ReportedPolicy of, PolicyOwner belongs)
      : ReportedPolicy(std::move(of)), whose(std::move(belongs)) {}
};

using OnReported = std::function<void(const Reported&)>;

// About what it takes in memory, in bytes.
std::size_t memory_size(const tlsrpt::PolicyResult& policy);

// The MX hosts of our policy domains as each reporter saw them, in any of its reports.
class SeenMxHosts {
 public:
  // `ours` must outlive it.
  explicit SeenMxHosts(const OurDomains& ours) : ours_(ours) {}

  void add(const tlsrptdb::ReportedPolicy& reported);
  const MxHosts* of(const tlsrptdb::ReportedPolicy& reported) const;  // null where there are none

 private:
  const OurDomains& ours_;
  std::map<std::string, MxHosts> reporters_;
};

// Takes the policies of one report after another, and gives each once its report has ended.
class ReportAssembler {
 public:
  // All must outlive it; `seen` may be null.
  ReportAssembler(const OurDomains& ours, const SeenMxHosts* seen, const OnReported& take)
      : ours_(ours), seen_(seen), take_(take) {}

  void add(tlsrptdb::ReportedPolicy&& reported);
  // What is left, after the last.
  void finish();

 private:
  const OurDomains& ours_;
  const SeenMxHosts* seen_;
  const OnReported& take_;
  std::vector<tlsrptdb::ReportedPolicy> policies_;  // of one report
  std::size_t weight_ = 0;
};

}  // namespace starttls::report
