#include "listtool/publish/reports.h"

#include <fmt/format.h>

#include <utility>

#include "base/saturated.h"
#include "base/text.h"
#include "base/try.h"
#include "tlsrpt/policy_domain.h"
#include "tlsrpt/same_sessions.h"

namespace starttls::listtool::publish {
namespace {

using listing::DeliveryReport;
using listing::DeliverySums;
using tlsrpt::PolicyResult;

constexpr std::chrono::days future_tolerance{1};  // the sender's clock may be ahead
constexpr std::size_t max_shown_reporter = 100;   // bytes

// The policies of a report that are about domains of the list.
class KnownPolicies {
 public:
  explicit KnownPolicies(listingdb::ListingDb& db) : db_(db) {}

  Result<void> add(PolicyResult&& policy) {
    policy.policy_domain = tlsrpt::normalise_policy_domain(policy.policy_domain);
    if (TRY(is_known(policy.policy_domain))) policies_.push_back(std::move(policy));
    return {};
  }

  // The sessions with each domain. Some reporters list each session under two policies.
  std::map<DomainName, DeliveryReport> take(const std::string& reporter, Day day) {
    std::vector<PolicyResult*> pointers;
    pointers.reserve(policies_.size());
    for (PolicyResult& policy : policies_) pointers.push_back(&policy);
    (void)tlsrpt::count_once(pointers);
    std::map<DomainName, DeliveryReport> all;
    for (const PolicyResult& policy : policies_) {
      const auto domain = DomainName::parse(policy.policy_domain);
      if (!domain) continue;
      DeliveryReport& report =
          all.try_emplace(*domain, DeliveryReport{.day = day, .reporter = reporter}).first->second;
      listing::add(report, sessions_of(policy));
    }
    return all;
  }

 private:
  static DeliveryReport sessions_of(const PolicyResult& policy) {
    DeliveryReport sessions{.successful = policy.successful_sessions, .failed = policy.failed_sessions};
    for (const tlsrpt::FailureDetail& detail : policy.failure_details)
      add_saturated(sessions.failures[to_lower(detail.result_type)], detail.failed_session_count);
    return sessions;
  }

  Result<bool> is_known(const std::string& text) {
    if (text == last_) return last_is_known_;
    last_ = text;
    last_is_known_ = false;
    const auto domain = DomainName::parse(text);
    if (!domain) return false;
    const auto kept = TRY(db_.find(*domain));
    last_is_known_ = kept && kept->entry.state != listing::State::removed;
    return last_is_known_;
  }

  listingdb::ListingDb& db_;
  std::string last_;  // the domain that was asked for last
  bool last_is_known_ = false;
  std::vector<PolicyResult> policies_;
};

std::optional<std::string> fault_of(Day day, Time now) {
  if (Time(day) > now + future_tolerance) return fmt::format("is dated in the future, {}", to_string(day));
  if (day < to_day(now) - listingdb::kept_days) {
    return fmt::format("is of {}, and reports are kept for {} days", to_string(day),
                       listingdb::kept_days.count());
  }
  return std::nullopt;
}

}  // namespace

ReportTaker::ReportTaker(Publisher publisher, listingdb::ReportDb reports)
    : publisher_(std::move(publisher)), reports_(std::move(reports)) {}

Result<ReportTaker> ReportTaker::open(const Context& context) {
  Publisher publisher = TRY(Publisher::open_to_read(context));
  TRY(check_owner(context, publisher.layout().directory));
  auto reports = TRY(listingdb::ReportDb::open(publisher.layout().reports()));
  return ReportTaker(std::move(publisher), std::move(reports));
}

Result<Result<ReadReport>> ReportTaker::take(const ReadBytes& document) {
  using Inner = Result<ReadReport>;
  KnownPolicies policies(publisher_.db());
  Result<void> asked;
  fingerprint_.begin();
  const auto reading = reader_.read(document, [&](PolicyResult&& policy) {
    fingerprint_.add(policy);
    if (asked) asked = policies.add(std::move(policy));
  });
  if (!asked) return std::unexpected(asked.error());
  if (!reading) return Inner(std::unexpected(reading.error()));
  ReadReport read{.reporter = printable(to_lower(reading->head.organization_name), max_shown_reporter),
                  .day = to_day(reading->head.begin)};
  if (const auto fault = fault_of(read.day, publisher_.context().clock()))
    return Inner(fail(Fault::data, "{}", *fault));
  listingdb::TakenReport report{.fingerprint = fingerprint_.of(reading->head), .day = read.day};
  for (auto& [domain, delivery] : policies.take(read.reporter, read.day)) {
    add_saturated(read.sessions, saturated_sum(delivery.successful, delivery.failed));
    add_saturated(read.failed, delivery.failed);
    report.deliveries.emplace_back(domain, std::move(delivery));
  }
  read.domains = report.deliveries.size();
  if (report.deliveries.empty()) return Inner(std::move(read));
  const listingdb::Taken taken = TRY(reports_.take(report));
  read.is_new = taken.is_new;
  read.left_out = taken.left_out;
  return Inner(std::move(read));
}

Result<void> prune_reports(const Publisher& publisher) {
  const std::filesystem::path file = publisher.layout().reports();
  if (std::error_code none; !std::filesystem::exists(file, none)) return {};
  auto reports = TRY(listingdb::ReportDb::open(file));
  return reports.prune(to_day(publisher.context().now) - listingdb::kept_days);
}

Result<Deliveries> Deliveries::open(const Publisher& publisher) {
  const Day today = to_day(publisher.context().now);
  const std::filesystem::path file = publisher.layout().reports();
  if (std::error_code none; !std::filesystem::exists(file, none)) return Deliveries(std::nullopt, today);
  return Deliveries(TRY(listingdb::ReportDb::open(file)), today);
}

Result<std::vector<DeliveryReport>> Deliveries::all(const DomainName& domain) {
  if (!reports_) return std::vector<DeliveryReport>();
  return reports_->find(domain, today_ - listingdb::kept_days);
}

Result<DeliverySums> Deliveries::recent(const DomainName& domain) {
  if (!reports_) return DeliverySums();
  return listing::add_up(TRY(reports_->find(domain, today_ - listing::delivery_days)));
}

Result<std::map<DomainName, DeliverySums>> Deliveries::failing() {
  std::map<DomainName, DeliverySums> all;
  if (!reports_) return all;
  for (const auto& [domain, reports] : TRY(reports_->with_failures(today_ - listing::delivery_days)))
    all.emplace(domain, listing::add_up(reports));
  return all;
}

}  // namespace starttls::listtool::publish
