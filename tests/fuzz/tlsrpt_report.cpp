#include "base/text.h"
#include "fuzz.h"
#include "tlsrpt/received_report.h"
#include "tlsrpt/report_reader.h"

using namespace starttls;

namespace {

void check_text(const std::string& text) {
  fuzz::require(is_utf8(text) && !text.contains('\0') && text.size() <= tlsrpt::report_text_limit);
}

void check_policy(const tlsrpt::PolicyResult& policy) {
  check_text(policy.policy_type);
  check_text(policy.policy_domain);
  for (const std::string& text : policy.policy_strings) check_text(text);
  for (const std::string& host : policy.mx_hosts) check_text(host);
  for (const tlsrpt::FailureDetail& detail : policy.failure_details) {
    check_text(detail.result_type);
    check_text(detail.receiving_mx_helo);
    check_text(detail.failure_reason_code);
  }
}

constexpr std::size_t first_piece = 16'000;  // bytes that read_report() reads before the first policy

// The same report in memory gives the same result, errors included.
void check_in_place(std::string json, const Result<tlsrpt::ReportReading>& reading,
                    const tlsrpt::Report& report) {
  if (json.size() > first_piece) return;
  tlsrpt::Report in_place;
  const auto again = tlsrpt::read_report_in_place(
      json, [&](tlsrpt::PolicyResult&& policy) { in_place.policies.push_back(std::move(policy)); },
      [size = json.size()] { return std::uint64_t{size}; });
  fuzz::require(again.has_value() == reading.has_value());
  if (!again) return fuzz::require(again.error().message == reading.error().message);
  in_place.head = again->head;
  fuzz::require(tlsrpt::to_json(in_place) == tlsrpt::to_json(report));
  fuzz::require(again->warnings == reading->warnings);
}

// As it comes, compressed or not; every other one is kept as gzip, which contains the same report.
void check_received(std::string_view received, const Result<tlsrpt::ReportReading>& reading,
                    const tlsrpt::Report& report) {
  static tlsrpt::ReportReader keeping_reader(true);
  static tlsrpt::ReportReader passing_reader(false);
  const bool is_kept = received.size() % 2 == 0;
  tlsrpt::ReportReader& reader = is_kept ? keeping_reader : passing_reader;
  tlsrpt::Report got;
  const auto take = [&](tlsrpt::PolicyResult&& policy) { got.policies.push_back(std::move(policy)); };
  const auto again = reader.read(byte_reader(received), take);
  const std::string packed = reader.take_packed();
  fuzz::require(!again || packed.empty() != is_kept);
  if (tlsrpt::is_gzip(received)) return fuzz::require(!again || !is_kept || packed == received);
  fuzz::require(again.has_value() == reading.has_value());
  if (!again) return fuzz::require(again.error().message == reading.error().message);
  got.head = again->head;
  fuzz::require(tlsrpt::to_json(got) == tlsrpt::to_json(report));
  if (!is_kept) return;
  got.policies.clear();
  fuzz::require(passing_reader.read(byte_reader(packed), take).has_value());
  fuzz::require(tlsrpt::to_json(got) == tlsrpt::to_json(report));
}

}  // namespace

// A report that was read is written as JSON that can be read again with the same result.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  tlsrpt::Report report;
  const auto take = [&](tlsrpt::PolicyResult&& policy) {
    check_policy(policy);
    report.policies.push_back(std::move(policy));
  };
  const auto reading = tlsrpt::read_report(byte_reader(fuzz::text_of(bytes, size)), take);
  if (reading) report.head = reading->head;
  check_in_place(std::string(fuzz::text_of(bytes, size)), reading, report);
  check_received(fuzz::text_of(bytes, size), reading, report);
  if (!reading) return 0;
  fuzz::require(reading->head.begin <= reading->head.end && reading->warnings.size() <= tlsrpt::max_warnings);
  const std::string json = tlsrpt::to_json(report);
  tlsrpt::Report again = report;
  again.policies.clear();
  fuzz::require(tlsrpt::read_report(byte_reader(json), [&](tlsrpt::PolicyResult&& policy) {
                  again.policies.push_back(std::move(policy));
                }).has_value());
  fuzz::require(tlsrpt::to_json(again) == json);
  return 0;
}
