#include "tlsrpt/report_handler.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/text.h"
#include "tlsrpt/report_values.h"

namespace starttls::tlsrpt {
namespace {

constexpr std::size_t shown_limit = 80;  // bytes of a text in a note or a refusal
constexpr std::size_t usual_texts = 4;   // texts of a policy: its version, mode, mx and max_age

// Cuts a text to at most `limit` bytes, so that it is still valid UTF-8.
std::string_view cut(std::string_view text, std::size_t limit) {
  if (text.size() <= limit) return text;
  while (limit > 0 && (static_cast<unsigned char>(text[limit]) & 0xC0U) == 0x80U) --limit;
  return text.substr(0, limit);
}

constexpr std::size_t day_size = std::string_view("2026-01-31").size();

// The zone and the time may be absent.
std::optional<Time> time_of(std::string_view text) {
  if (text.size() == day_size) {
    const auto day = parse_day(text);
    return day ? std::optional<Time>(*day) : std::nullopt;
  }
  const bool has_zone = text.find_first_of("Zz+-", day_size) != std::string_view::npos;
  const auto time = has_zone ? parse_rfc3339(text) : parse_rfc3339(std::string(text) + "Z");
  return time ? std::optional<Time>(*time) : std::nullopt;
}

bool says_nothing(const FailureDetail& detail) {
  return detail.failed_session_count == 0 && detail.result_type.empty() && detail.sending_mta_ip.empty() &&
         detail.receiving_mx_hostname.empty() && detail.receiving_mx_helo.empty() &&
         detail.receiving_ip.empty() && detail.additional_information.empty() &&
         detail.failure_reason_code.empty();
}

}  // namespace

ReportHandler::Part ReportHandler::part_of(Part within, std::string_view key, bool is_object) {
  switch (within) {
    case Part::report:
      if (key == "date-range" && is_object) return Part::date_range;
      if (key == "policies") return is_object ? Part::policy_result : Part::policies;
      break;
    case Part::policies:
      if (is_object) return Part::policy_result;
      break;
    case Part::policy_result:
      if (key == "policy" && is_object) return Part::policy;
      if (key == "summary" && is_object) return Part::summary;
      if (key == "failure-details") return is_object ? Part::detail : Part::details;
      break;
    case Part::policy:
      if (key == "policy-string" && !is_object) return Part::policy_string;
      if (key == "mx-host" && !is_object) return Part::mx_host;
      break;
    case Part::details:
      if (is_object) return Part::detail;
      break;
    default:
      break;
  }
  return Part::unknown;
}

bool ReportHandler::Key(const char* text, rapidjson::SizeType size, bool) {
  key_ = trim({text, size});
  return true;
}

bool ReportHandler::open(bool is_object) {
  if (parts_.size() == report_depth_limit) {
    return refuse(fmt::format("nested deeper than {} levels", report_depth_limit));
  }
  if (parts_.empty()) {
    if (!is_object) return refuse("no report: the JSON is no object");
    parts_.push_back(Part::report);
    return true;
  }
  const Part part = part_of(parts_.back(), key_, is_object);
  if (parts_.back() == Part::report && key_ == "policies") has_policies_ = true;
  if (part == Part::policy_result) policy_ = {.policy_type = {}};
  if (part == Part::detail) detail_ = {};
  parts_.push_back(part);
  return true;
}

bool ReportHandler::close() {
  const Part part = parts_.back();
  parts_.pop_back();
  if (part == Part::policy_result) return give_policy();
  if (part == Part::detail) return add_detail();
  return true;
}

bool ReportHandler::refuse(std::string reason) {
  refusal_ = std::move(reason);
  return false;
}

// Passes the policy on. A report without policies has an empty object instead.
bool ReportHandler::give_policy() {
  if (++policies_ > max_policies) return refuse(fmt::format("more than {} policies", max_policies));
  if (!is_in_proportion()) return false;
  const bool is_empty = policy_.policy_type.empty() && policy_.policy_domain.empty() &&
                        policy_.successful_sessions == 0 && policy_.failed_sessions == 0 &&
                        policy_.failure_details.empty();
  if (is_empty) {
    note("a policy that says nothing");
  } else {
    take_(std::move(policy_));
  }
  return true;
}

bool ReportHandler::add_detail() {
  if (policy_.failure_details.size() == max_details) {
    return refuse(fmt::format("more than {} failure details of one policy", max_details));
  }
  if (!is_in_proportion()) return false;
  if (says_nothing(detail_)) {
    note("a failure detail that says nothing");
  } else {
    policy_.failure_details.push_back(std::move(detail_));
  }
  return true;
}

// Must be called once for each policy and each failure detail.
bool ReportHandler::is_in_proportion() {
  const std::uint64_t received = received_();
  if (++rows_ > max_rows + received / min_row_size) {
    return refuse(
        fmt::format("more than {} policies and failure details in its first {} bytes, as only bombs have",
                    rows_ - 1, received));
  }
  if (text_size_ > max_text_size + max_text_ratio * received) {
    return refuse(fmt::format("more than {} bytes of text in its first {}, as only bombs have",
                              text_size_ - 1, received));
  }
  return true;
}

bool ReportHandler::value(std::string_view text) {
  if (parts_.empty()) return refuse("no report: the JSON is no object");
  switch (parts_.back()) {
    case Part::report:
      take_report_text(text);
      break;
    case Part::date_range:
      if (key_ == "start-datetime") begin_ = cut(trim(text), report_text_limit);
      if (key_ == "end-datetime") end_ = cut(trim(text), report_text_limit);
      break;
    case Part::policy:
      take_policy_text(text);
      break;
    case Part::policy_string:
      add_texts(policy_.policy_strings, text);
      break;
    case Part::mx_host:
      add_texts(policy_.mx_hosts, text);
      break;
    case Part::summary:
      if (key_ == "total-successful-session-count") policy_.successful_sessions = count_of(text);
      if (key_ == "total-failure-session-count") policy_.failed_sessions = count_of(text);
      break;
    case Part::detail:
      take_detail_text(text);
      break;
    default:
      break;
  }
  return true;
}

void ReportHandler::take_report_text(std::string_view text) {
  if (key_ == "organization-name") reading_.head.organization_name = text_of(text);
  if (key_ == "contact-info") reading_.head.contact_info = text_of(text);
  if (key_ == "report-id") reading_.head.report_id = text_of(text);
  if (key_ == "policies") has_policies_ = true;  // null, or a text, which means nothing here
}

void ReportHandler::take_policy_text(std::string_view text) {
  if (key_ == "policy-type") policy_.policy_type = text_of(trim(text));
  if (key_ == "policy-domain") policy_.policy_domain = text_of(trim(text));
  if (key_ == "policy-string") add_texts(policy_.policy_strings, text);
  if (key_ == "mx-host") add_texts(policy_.mx_hosts, text);
}

void ReportHandler::take_detail_text(std::string_view text) {
  if (key_ == "result-type") detail_.result_type = text_of(trim(text));
  if (key_ == "sending-mta-ip") detail_.sending_mta_ip = text_of(trim(text));
  if (key_ == "receiving-mx-hostname") detail_.receiving_mx_hostname = text_of(trim(text));
  if (key_ == "receiving-mx-helo") detail_.receiving_mx_helo = explaining_text_of(text);
  if (key_ == "receiving-ip") detail_.receiving_ip = text_of(trim(text));
  if (key_ == "failed-session-count") detail_.failed_session_count = count_of(text);
  if (key_ == "additional-information") detail_.additional_information = explaining_text_of(text);
  if (key_ == "failure-reason-code") detail_.failure_reason_code = explaining_text_of(text);
}

// Microsoft writes the TLSA records of a policy as one text, which is a JSON array.
void ReportHandler::add_texts(std::vector<std::string>& texts, std::string_view text) {
  const auto parts = parse_text_array(text);
  if (!parts) return add_text(texts, text);
  for (const std::string& part : *parts) add_text(texts, part);
}

void ReportHandler::add_text(std::vector<std::string>& texts, std::string_view text) {
  if (text.empty()) return;
  if (texts.size() == max_policy_texts)
    return note(fmt::format("{} of more than {} texts", key_, max_policy_texts));
  std::string known = explaining_text_of(text);
  if (known.empty()) return;
  if (texts.empty()) texts.reserve(usual_texts);
  texts.push_back(std::move(known));
}

std::string ReportHandler::text_of(std::string_view text) {
  if (!is_utf8(text) || text.contains('\0')) {
    note(fmt::format("{} is not valid UTF-8 without NUL", key_));
    std::string escaped(cut(printable(text, report_text_limit), report_text_limit));
    text_size_ += escaped.size();
    return escaped;
  }
  if (text.size() > report_text_limit) note(fmt::format("{} is cut after {} bytes", key_, report_text_limit));
  const std::string_view whole = cut(text, report_text_limit);
  text_size_ += whole.size();
  return std::string(whole);
}

// Returns "" if there are too many texts in relation to the received bytes.
std::string ReportHandler::explaining_text_of(std::string_view text) {
  if (text_size_ + std::min(text.size(), report_text_limit) <= free_text_size) return text_of(text);
  if (text_size_ > free_text_size + free_text_ratio * received_()) {
    note("some of its explaining texts are dropped: they are too long for its size");
    return {};
  }
  return text_of(text);
}

std::uint64_t ReportHandler::count_of(std::string_view text) {
  const std::string_view digits = trim(text);
  const auto count = parse_session_count(digits);
  if (count && *count <= max_reported_sessions) return *count;
  if (count) {
    note(fmt::format("{} {} is too large, and counts as {}", key_, printable(digits, shown_limit),
                     max_reported_sessions));
    return max_reported_sessions;
  }
  note(fmt::format("{} \"{}\" is no number of sessions, and counts as 0", key_,
                   printable(digits, shown_limit)));
  return 0;
}

void ReportHandler::note(std::string warning) {
  const auto& known = reading_.warnings;
  if (known.size() == max_warnings || std::ranges::find(known, warning) != known.end()) return;
  reading_.warnings.push_back(std::move(warning));
}

Result<ReportReading> ReportHandler::finish() && {
  if (begin_.empty() && !has_policies_)
    return fail(Fault::data, "no report: neither date-range nor policies");
  if (!has_policies_) note("no policies");
  const auto begin = time_of(begin_);
  if (!begin) {
    return fail(Fault::data, "start-datetime \"{}\" is no time", printable(begin_, shown_limit));
  }
  auto end = time_of(end_);
  if (!end) return fail(Fault::data, "end-datetime \"{}\" is no time", printable(end_, shown_limit));
  if (end_.size() == day_size && to_day(*end) == to_day(*begin))
    *end += std::chrono::days(1) - std::chrono::seconds(1);
  if (*end < *begin) {
    return fail(Fault::data, "ends at {}, before it begins at {}", to_rfc3339(*end), to_rfc3339(*begin));
  }
  reading_.head.begin = *begin;
  reading_.head.end = *end;
  return std::move(reading_);
}

}  // namespace starttls::tlsrpt
