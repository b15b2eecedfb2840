// The output of `tlsrpt-report read`: a line for each input when it is read, then the failures with their
// meaning, and the totals.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "json/json_text.h"
#include "report/context.h"
#include "report/drift.h"
#include "report/failure_digest.h"
#include "report/other_domains.h"
#include "report/parsing.h"

namespace starttls::report {

// All inputs of a run.
struct ReadTotals {
  std::uint64_t read = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t rejected = 0;
  std::uint64_t bounces = 0;
  FailureDigest failures;
  SeenPolicies seen;
  std::vector<Drift> drifts;
  OtherDomains others;

  void add(const Input& input);
};

// "NAME: read: REPORTER about DOMAINS, DAYS: 7 sessions, 0 failed", of an input that was not rejected.
std::string describe(const Input& input, std::uint64_t retention_days);

// Prints to standard output, or JSON with --json. For an alias nothing is printed, and messages are logged.
class ReadOutput {
 public:
  // The context must outlive this object. `stores`: whether inputs are stored.
  ReadOutput(const Context& context, bool stores);

  // Prints warnings and rejections of the input immediately, and its line with the next flush().
  void add(const Input& input);
  Result<void> flush();
  Result<void> finish();

  const ReadTotals& totals() const { return totals_; }
  void set_drifts(std::vector<Drift> drifts) { totals_.drifts = std::move(drifts); }
  void set_others(const OtherDomains& others) { totals_.others = others; }

 private:
  void warn(const std::string& message) const;
  void report_problems(const Input& input) const;

  const Context& context_;
  bool stores_;
  json::JsonText json_;
  std::string lines_;
  ReadTotals totals_;
};

}  // namespace starttls::report
