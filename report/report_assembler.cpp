#include "report/report_assembler.h"

#include <iterator>

#include "base/text.h"
#include "tlsrpt/same_sessions.h"

namespace starttls::report {
namespace {

std::string reporter_key(const tlsrptdb::ReportedPolicy& reported) {
  return reported.signer.empty() ? "org " + to_lower(reported.head.organization_name)
                                 : "by " + reported.signer;
}

}  // namespace

std::size_t memory_size(const tlsrpt::PolicyResult& policy) {
  std::size_t weight = sizeof policy + policy.failure_details.size() * sizeof(tlsrpt::FailureDetail);
  for (const auto* texts : {&policy.policy_strings, &policy.mx_hosts}) {
    for (const std::string& text : *texts) weight += sizeof(std::string) + text.size();
  }
  for (const tlsrpt::FailureDetail& detail : policy.failure_details) {
    weight += detail.additional_information.size() + detail.failure_reason_code.size() +
              detail.receiving_mx_helo.size();
  }
  return weight;
}

void SeenMxHosts::add(const tlsrptdb::ReportedPolicy& reported) {
  if (!ours_.has(reported.policy.policy_domain)) return;
  const std::vector<std::string> patterns = mx_patterns(reported.policy);
  if (patterns.empty()) return;
  MxHosts& hosts = reporters_[reporter_key(reported)];
  for (const std::string& pattern : patterns) hosts.add(pattern, reported.policy.policy_domain);
}

const MxHosts* SeenMxHosts::find(const tlsrptdb::ReportedPolicy& reported) const {
  const auto found = reporters_.find(reporter_key(reported));
  return found == reporters_.end() ? nullptr : &found->second;
}

void ReportAssembler::add(tlsrptdb::ReportedPolicy&& reported) {
  const bool is_next = !policies_.empty() && policies_.front().report != reported.report;
  if (is_next || policies_.size() == max_policies_at_once || weight_ > max_size_at_once) finish();
  weight_ += memory_size(reported.policy);
  policies_.push_back(std::move(reported));
}

void ReportAssembler::finish() {
  if (policies_.empty()) return;
  std::vector<const tlsrpt::PolicyResult*> policies;
  policies.reserve(policies_.size());
  for (const tlsrptdb::ReportedPolicy& reported : policies_) policies.push_back(&reported.policy);
  const MxHosts* const hosts = seen_ == nullptr ? nullptr : seen_->find(policies_.front());
  std::vector<PolicyOwner> owners = find_owners(
      policies, {.report_domain = policies_.front().report_domain, .our_domains = {}, .seen_hosts = hosts},
      ours_);
  std::vector<tlsrpt::PolicyResult*> counted;
  counted.reserve(policies_.size());
  for (tlsrptdb::ReportedPolicy& reported : policies_) counted.push_back(&reported.policy);
  const std::vector<std::uint64_t> elsewhere = tlsrpt::count_once(counted);
  for (std::size_t at = 0; at < policies_.size(); ++at) {
    Reported reported(std::move(policies_[at]), std::move(owners[at]));
    reported.counted_elsewhere = elsewhere[at];
    take_(reported);
  }
  policies_.clear();
  weight_ = 0;
}

}  // namespace starttls::report
