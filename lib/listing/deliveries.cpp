#include "listing/deliveries.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/counted.h"
#include "base/saturated.h"

namespace starttls::listing {
namespace {

constexpr std::array<std::string_view, 6> policy_failures{"dane-required",          "dnssec-invalid",
                                                          "sts-policy-fetch-error", "sts-policy-invalid",
                                                          "sts-webpki-invalid",     "tlsa-invalid"};
constexpr std::uint64_t doubt_share = 100;  // a reporter doubts if more than one session in so many failed

void add(Failures& failures, const Failures& more) {
  for (const auto& [type, sessions] : more) add_saturated(failures[type], sessions);
}

// Sessions that failed because of the mail servers. Failures without details are such ones.
std::uint64_t server_failures(const DeliveryReport& report) {
  std::uint64_t elsewhere = 0;
  for (const auto& [type, sessions] : report.failures) {
    if (is_policy_failure(type)) add_saturated(elsewhere, sessions);
  }
  return report.failed - std::min(report.failed, elsewhere);
}

bool doubts(const DeliveryReport& report) {
  return server_failures(report) > saturated_sum(report.successful, report.failed) / doubt_share;
}

std::string to_text(std::uint64_t sessions, std::uint64_t failed, const Failures& failures) {
  std::string text = fmt::format("{}, {} failed", counted(sessions, "session"), failed);
  std::string_view before = " (";
  for (const auto& [type, number] : failures)
    text += fmt::format("{}{} {}", std::exchange(before, ", "), type, number);
  return failures.empty() ? text : text + ')';
}

}  // namespace

void add(DeliveryReport& report, const DeliveryReport& more) {
  add_saturated(report.successful, more.successful);
  add_saturated(report.failed, more.failed);
  add(report.failures, more.failures);
}

bool is_policy_failure(std::string_view result_type) {
  return std::ranges::find(policy_failures, result_type) != policy_failures.end();
}

DeliverySums add_up(std::span<const DeliveryReport> reports) {
  std::map<std::string_view, DeliveryReport> reporters;
  DeliverySums sums;
  for (const DeliveryReport& report : reports) {
    add(reporters[report.reporter], report);
    add_saturated(sums.sessions, saturated_sum(report.successful, report.failed));
    add_saturated(sums.failed, report.failed);
    add(sums.failures, report.failures);
  }
  sums.reporters = reporters.size();
  sums.doubting = static_cast<std::size_t>(
      std::ranges::count_if(reporters, [](const auto& reporter) { return doubts(reporter.second); }));
  return sums;
}

std::string to_text(const DeliveryReport& report) {
  return to_text(saturated_sum(report.successful, report.failed), report.failed, report.failures);
}

std::string to_text(const DeliverySums& sums) {
  if (sums.reporters == 0) return {};
  return fmt::format("{}: {}", counted(sums.reporters, "reporter"),
                     to_text(sums.sessions, sums.failed, sums.failures));
}

}  // namespace starttls::listing
