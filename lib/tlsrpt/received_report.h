// Reads SMTP TLS reports as senders really write them (RFC 8460 section 4, read tolerantly).
//
// What is understood although section 4 does not allow it: `policy-string` and `mx-host` as a text or an
// array; `policies` and `failure-details` as an array or a single object, empty or absent; counts as texts;
// dates without a zone, with a blank for the "T", or without a time; null for any text; whatever is absent
// but the date range. Types of policies and results that are not known are kept as they are. Members that
// section 4 does not have are passed over.
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
inline constexpr std::size_t report_depth_limit = 32;    // of objects and arrays within one another
inline constexpr std::size_t most_policies = 1'000'000;  // of a report
inline constexpr std::size_t most_details = 100'000;     // of a policy
inline constexpr std::size_t most_policy_texts =
    1'000;  // of a policy-string or mx-host; further ones are left out
inline constexpr std::size_t report_text_limit = 4'096;  // bytes of any text; the rest is left out
inline constexpr std::size_t most_oddities = 20;         // that are told of one report
// Sessions of any one count; a larger one counts as this. More than all mail servers have in a day, and a
// report of most_policies stays below what a store can hold.
inline constexpr std::uint64_t max_reported_sessions = 1'000'000'000'000;

// A time without a zone is taken for UTC. `head.end` is as it was given; the last second of the day where
// that is a date and the one of `head.begin`.
struct ReportReading {
  ReportHead head;
  std::vector<std::string> oddities;  // in plain words, what had to be guessed or was left out
};

// Takes the policies one by one, in their order, as soon as each has ended: a report of a million needs the
// memory of one. They may come before what makes the report be refused.
using TakePolicy = std::function<void(PolicyResult&&)>;

// The texts that it gives are valid UTF-8 without NUL; what was not is escaped as printable() does. The JSON
// is held a piece at a time. Fault::data where it is no JSON, no report, nested too deep or of more than the
// limits; and the errors of `json`.
Result<ReportReading> read_report(const ReadBytes& json, const TakePolicy& take);

// The same of JSON that is whole in memory, and is written over.
Result<ReportReading> read_report(std::string& json, const TakePolicy& take);

}  // namespace starttls::tlsrpt
