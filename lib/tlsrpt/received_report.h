// Reads SMTP TLS reports as senders really write them (RFC 8460 section 4, read tolerantly).
//
// What is understood although section 4 does not allow it: `policy-string` and `mx-host` as a text or an
// array, or a JSON array that is itself written as a text; `policies` and `failure-details` as an array or a
// single object, empty or absent; counts as texts, and written as 1000.0 or 1e3 (RFC 8259 section 6); dates
// without a zone, with a blank for the "T", or without a time; null for any text; whatever is absent but the
// date range. Types of policies and results that are not known are kept as they are. Members that section 4
// does not have are passed over.
//
// Totals are what the reporter says, not the sum of the details: one session can fail in several ways.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
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
inline constexpr std::size_t max_policy_texts =
    1'000;  // of a policy-string or mx-host; further ones are left out
inline constexpr std::size_t report_text_limit = 4'096;  // bytes of any text; the rest is left out
inline constexpr std::size_t max_warnings = 20;          // that are told of one report
// Sessions of any one count; a larger one counts as this. More than all mail servers have in a day, and a
// report of max_policies stays below what a store can hold.
inline constexpr std::uint64_t max_reported_sessions = 1'000'000'000'000;

// What a report comes to is in proportion to what was sent. With R, the bytes of the report as it came
// (packed, where it was packed):
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
  std::vector<std::string> warnings;  // in plain words, what had to be guessed or was left out
};

// Takes the policies one by one, in their order, as soon as each has ended: a report of a million needs the
// memory of one. They may come before what makes the report be refused.
using TakePolicy = std::function<void(PolicyResult&&)>;

// How many bytes of the report, as it came, were read so far.
using ReceivedSize = std::function<std::uint64_t()>;

// The texts that it gives are valid UTF-8 without NUL; what was not is escaped as printable() does. The JSON
// is held a piece at a time. Without `received` the report came as the JSON itself. Fault::data where it is
// no JSON, no report, nested too deep or of more than the limits; and the errors of `json`.
Result<ReportReading> read_report(const ReadBytes& json, const TakePolicy& take,
                                  const ReceivedSize& received = {});

// The same of JSON that is whole in memory, and is written over.
Result<ReportReading> read_report(std::string& json, const TakePolicy& take,
                                  const ReceivedSize& received = {});

}  // namespace starttls::tlsrpt
