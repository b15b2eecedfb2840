// Reads SMTP TLS reports (RFC 8460 section 4), tolerant of what senders really write.
//
// What is understood although section 4 does not allow it: `policy-string` and `mx-host` as a text or an
// array, or a JSON array that is itself written as a text; `policies` and `failure-details` as an array or a
// single object, empty or absent; counts as texts, and written as 1000.0 or 1e3 (RFC 8259 section 6); dates
// without a zone, with a blank for the "T", or without a time; null for any text; whatever is absent but the
// date range. Types of policies and results that are not known are kept as they are. Members that section 4
// does not have are ignored.
//
// Totals are as reported, not the sum of the details: one session can fail in several ways.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "tlsrpt/report.h"

namespace starttls::tlsrpt {

inline constexpr std::uint64_t report_size_limit = std::uint64_t{256} << 20U;  // bytes of JSON
inline constexpr std::size_t report_depth_limit = 32;   // of objects and arrays within one another
inline constexpr std::size_t max_policies = 1'000'000;  // of a report
inline constexpr std::size_t max_details = 100'000;     // of a policy
// Of a policy-string or mx-host; further ones are dropped.
inline constexpr std::size_t max_policy_texts = 1'000;
inline constexpr std::size_t report_text_limit = 4'096;  // bytes of any text; the rest is dropped
inline constexpr std::size_t max_warnings = 20;          // of one report
// Sessions of any one count; a larger one is reduced to this. No mail server has more in a day, and a
// report of max_policies stays below what a store can hold.
inline constexpr std::uint64_t max_reported_sessions = 1'000'000'000'000;

// The memory for a report is in proportion to the received bytes. With R, the bytes of the report as received
// (compressed, where it was compressed):
//   texts that only explain (policy-string, mx-host, receiving-mx-helo, additional-information,
//   failure-reason-code) are left out once all texts have more than free_text_size + free_text_ratio * R
//   bytes;
//   a report whose texts have more than max_text_size + max_text_ratio * R bytes, or that has more than
//   max_rows + R / min_row_size policies and failure details, is refused.
// Reports of 20,000 failures that differ in an address have texts of 26 times their packed size, 9 times
// without those that only explain, and 7 packed bytes for each failure.
inline constexpr std::uint64_t free_text_size = std::uint64_t{32} << 10U;  // bytes
inline constexpr std::uint64_t free_text_ratio = 8;
inline constexpr std::uint64_t max_text_size = std::uint64_t{128} << 10U;  // bytes
inline constexpr std::uint64_t max_text_ratio = 20;
inline constexpr std::uint64_t max_rows = 1'000;
inline constexpr std::uint64_t min_row_size = 3;  // bytes

// A time without a zone is taken for UTC. `head.end` is as it was given; the last second of the day where
// that is a date and the one of `head.begin`.
struct ReportReading {
  ReportHead head;
  std::vector<std::string> warnings;  // sentences: what was guessed or dropped
};

// Gets the policies one by one, in their order, as soon as each is complete: a report of a million needs the
// memory of one. Some may come before the report is refused.
using TakePolicy = std::function<void(PolicyResult&&)>;

// How many bytes of the report, as received, have been read so far.
using ReceivedSize = std::function<std::uint64_t()>;

// The texts in the result are valid UTF-8 without NUL; invalid bytes are escaped as by printable(). The
// JSON is held a piece at a time. Without `received`, the report was received as the JSON itself.
// Fault::data where it is no JSON, no report, nested too deep or over a limit; and the errors of `json`.
Result<ReportReading> read_report(const ReadBytes& json, const TakePolicy& take,
                                  const ReceivedSize& received = {});

// The same for JSON in memory that a NUL follows. It is overwritten.
Result<ReportReading> read_report_in_place(std::span<char> json, const TakePolicy& take,
                                           const ReceivedSize& received);

}  // namespace starttls::tlsrpt
