#include "listtool/sts_outcome.h"

#include <fmt/ranges.h>

#include <utility>

#include "base/counted.h"
#include "base/result.h"
#include "base/text.h"

namespace starttls::listtool {
namespace {

std::string split_mxs(const mtasts::Policy& policy) {
  std::vector<std::string> mxs;
  mxs.reserve(policy.mx.size());
  for (const auto& mx : policy.mx) mxs.push_back(mx.str());
  return fmt::format("{}", fmt::join(mxs, " "));
}

std::string in_force(const mtasts::FetchedPolicy& fetched) {
  return fmt::format("{}, until {}", policy_summary(fetched.policy), to_rfc3339(fetched.expires()));
}

std::string_view to_string(StsOutcome::Kind kind) {
  switch (kind) {
    case StsOutcome::Kind::policy:
      return "policy";
    case StsOutcome::Kind::none:
      return "none";
    case StsOutcome::Kind::failed:
      return "failed";
    case StsOutcome::Kind::unknown:
      return "unknown";
  }
  std::unreachable();
}

// "3 h", for output.
std::string age(Time then, Time now) {
  using namespace std::chrono;
  const auto age = std::max(now - then, Time::duration::zero());
  if (age < 2min) return fmt::format("{} s", floor<seconds>(age).count());
  if (age < 2h) return fmt::format("{} min", floor<minutes>(age).count());
  if (age < 48h) return fmt::format("{} h", floor<hours>(age).count());
  return counted(static_cast<std::uint64_t>(floor<days>(age).count()), "day");
}

void to_json(json::JsonText& json, const std::optional<mtasts::FetchedPolicy>& fetched) {
  json.key("policy");
  if (!fetched) return json.null();
  json.begin_object();
  json.member("mode", mtasts::to_string(fetched->policy.mode));
  json.key("mx");
  json.begin_array();
  for (const auto& mx : fetched->policy.mx) json.text(mx.str());
  json.end_array();
  json.member("max_age", static_cast<std::uint64_t>(fetched->policy.max_age.count()));
  json.member("id", fetched->id);
  json.member("fetched", to_rfc3339(fetched->fetched));
  json.member("expires", to_rfc3339(fetched->expires()));
  json.end_object();
}

void to_json(json::JsonText& json, const std::optional<mtasts::Failure>& failure) {
  json.key("failure");
  if (!failure) return json.null();
  json.begin_object();
  json.member("type", mtasts::to_string(failure->type));
  json.member("reason", failure->reason);
  json.member("since", to_rfc3339(failure->since));
  json.member("last", to_rfc3339(failure->last));
  json.member("count", std::uint64_t{failure->count});
  json.end_object();
}

}  // namespace

StsOutcome to_outcome(const discovery::MtaStsDiscovery& discovery, Time now) {
  using Record = mtasts::RecordState::Kind;
  StsOutcome outcome{.failure = discovery.policy_state.failure, .reason = discovery.record_reason};
  if (const auto* const valid = discovery.policy_state.valid(now); valid != nullptr) outcome.policy = *valid;
  switch (discovery.record.kind) {
    case Record::record:
      outcome.kind = outcome.failure || !outcome.policy ? StsOutcome::Kind::failed : StsOutcome::Kind::policy;
      break;
    case Record::none:
      outcome.kind = outcome.policy ? StsOutcome::Kind::policy : StsOutcome::Kind::none;
      break;
    case Record::unknown:
      outcome.kind = StsOutcome::Kind::unknown;
      break;
  }
  return outcome;
}

std::string policy_summary(const mtasts::Policy& policy) {
  return std::string(mtasts::to_string(policy.mode)) + (policy.mx.empty() ? "" : " " + split_mxs(policy));
}

std::string to_string(const DomainName& domain, const StsOutcome& outcome) {
  std::string text = domain.str() + ": ";
  switch (outcome.kind) {
    case StsOutcome::Kind::policy:
      return text + in_force(*outcome.policy) +
             (outcome.reason.empty() ? "\n" : "; " + outcome.reason + "\n");
    case StsOutcome::Kind::none:
      return text + "no MTA-STS: " + outcome.reason + "\n";
    case StsOutcome::Kind::failed:
      text += outcome.failure
                  ? fmt::format("{}: {}", mtasts::to_string(outcome.failure->type), outcome.failure->reason)
                  : "its policy lasts no time at all (max_age 0)";
      break;
    case StsOutcome::Kind::unknown:
      text += "cannot be determined now: " + outcome.reason;
      break;
  }
  return text + (outcome.policy ? "; still in force: " + in_force(*outcome.policy) : "") + "\n";
}

std::string to_string(const mtastsdb::CacheEntry& entry, Time now) {
  const mtasts::PolicyState& known = entry.policy_state;
  std::string text = entry.domain.str() + ": ";
  if (known.policy) {
    text += fmt::format("{}{}, fetched {} ago", known.valid(now) != nullptr ? "" : "EXPIRED ",
                        in_force(*known.policy), age(known.policy->fetched, now));
  } else {
    text += "no policy";
  }
  if (known.failure) {
    text += fmt::format("; {} since {}: {}", mtasts::to_string(known.failure->type),
                        to_rfc3339(known.failure->since), known.failure->reason);
  }
  return text + "; next fetch due " + to_rfc3339(known.next_fetch) + "\n";
}

void to_json(json::JsonText& json, const DomainName& domain, const StsOutcome& outcome) {
  json.begin_object();
  json.member("domain", domain.str());
  json.member("outcome", to_string(outcome.kind));
  if (!outcome.reason.empty()) json.member("reason", outcome.reason);
  to_json(json, outcome.policy);
  to_json(json, outcome.failure);
  json.end_object();
}

void to_json(json::JsonText& json, const mtastsdb::CacheEntry& entry, Time now) {
  json.begin_object();
  json.member("domain", entry.domain.str());
  json.member("in_force", entry.policy_state.valid(now) != nullptr);
  to_json(json, entry.policy_state.policy);
  to_json(json, entry.policy_state.failure);
  json.member("next_fetch", to_rfc3339(entry.policy_state.next_fetch));
  json.end_object();
}

void StsTotals::count(const StsOutcome& outcome) {
  ++domains_;
  switch (outcome.kind) {
    case StsOutcome::Kind::policy:
      ++with_policy_;
      break;
    case StsOutcome::Kind::none:
      ++without_;
      break;
    case StsOutcome::Kind::failed:
      ++failed_[outcome.failure ? outcome.failure->type : mtasts::FailureType::invalid];
      break;
    case StsOutcome::Kind::unknown:
      ++unknown_;
      break;
  }
}

int StsTotals::exit_status() const {
  const bool passing = unknown_ != 0 || failed_.contains(mtasts::FailureType::fetch_error);
  if (passing) return static_cast<int>(Fault::temporary);
  if (!failed_.empty()) return static_cast<int>(Fault::data);
  return without_ != 0 ? 1 : 0;
}

std::string to_string(const StsTotals& totals) {
  std::string text = fmt::format("{}: {} with a policy, {} without", counted(totals.domains_, "domain"),
                                 totals.with_policy_, totals.without_);
  for (const auto& [type, count] : totals.failed_)
    text += fmt::format(", {} {}", count, mtasts::to_string(type));
  if (totals.unknown_ != 0)
    text += fmt::format(", {} for which the DNS gives no answer now", totals.unknown_);
  return text;
}

void to_json(json::JsonText& json, const StsTotals& totals) {
  json.begin_object();
  json.member("domains", totals.domains_);
  json.member("policy", totals.with_policy_);
  json.member("none", totals.without_);
  json.member("unknown", totals.unknown_);
  json.key("failed");
  json.begin_object();
  for (const auto& [type, count] : totals.failed_) json.member(mtasts::to_string(type), count);
  json.end_object();
  json.end_object();
}

}  // namespace starttls::listtool
