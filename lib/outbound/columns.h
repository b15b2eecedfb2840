// The values of an outbound store in a row, of any database. A day is a number of days since 1970-01-01. A list
// of texts has each text on a line. Inside this component.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/try.h"
#include "outbound/counts.h"
#include "outbound/store.h"
#include "store/columns.h"
#include "store/row_key.h"

namespace starttls::outbound {

// Keys that do not change between versions of the program: otherwise a policy would be in the store twice.
store::RowDigest digest_of(const PolicyTexts& policy);
std::string key_of(const Failure& failure);

// The texts, each on a line; what is beyond max_list_size is left out.
inline constexpr std::size_t max_list_size = 8'192;  // bytes
std::string to_lines(const std::vector<std::string>& texts);
std::vector<std::string> from_lines(std::string_view lines);
Policy policy_of(PolicyTexts texts);

// domain, source, policy_type, policy_domain, record, policy_strings, mx_hosts from `column` on; NULL where the
// texts were removed.
template <class Row>
Result<Policy> policy_in(const Row& row, int column) {
  return policy_of({.domain = store::text_in(row, column),
                    .record = store::text_in(row, column + 4),
                    .source = TRY(source_words.parse(store::text_in(row, column + 1), "source")),
                    .policy_type = store::text_in(row, column + 2),
                    .policy_domain = store::text_in(row, column + 3),
                    .policy_strings = store::text_in(row, column + 5),
                    .mx_hosts = store::text_in(row, column + 6)});
}

// result_type, sending_mta_ip, receiving_mx_hostname, receiving_mx_helo, receiving_ip, additional_information,
// failure_reason_code from `column` on.
template <class Row>
Failure failure_in(const Row& row, int column) {
  return {.result_type = store::text_in(row, column),
          .sending_mta_ip = store::text_in(row, column + 1),
          .receiving_mx_hostname = store::text_in(row, column + 2),
          .receiving_mx_helo = store::text_in(row, column + 3),
          .receiving_ip = store::text_in(row, column + 4),
          .additional_information = store::text_in(row, column + 5),
          .failure_reason_code = store::text_in(row, column + 6)};
}

// results, malformed, left_out from `column` on.
template <class Row>
DayTotal day_total_in(const Row& row, int column) {
  return {.results = store::count_in(row, column),
          .malformed = store::count_in(row, column + 1),
          .left_out = store::count_in(row, column + 2)};
}

// Puts together what a query has in one row for each failure of a policy: day, policy (its key), domain ...
// mx_hosts as policy_in(), successful, failed, and the failure as failure_in() with its sessions, all NULL where
// the policy has none. The rows of a policy follow each other.
class PolicyRows {
 public:
  explicit PolicyRows(const CountSink& take) : take_(take) {}

  template <class Row>
  Result<void> add(const Row& row) {
    std::string id = fmt::format("{} {}", row.number(0), store::text_in(row, 1));
    if (id != id_) {
      TRY(finish());
      of_.policy = TRY(policy_in(row, 2));
      of_.day = store::day_in(row, 0);
      count_ = {.successful = store::count_in(row, 9), .failed = store::count_in(row, 10)};
      id_ = std::move(id);
    }
    if (!row.is_null(11)) outbound::add(count_.failures, failure_in(row, 11), store::count_in(row, 18));
    return {};
  }

  // To be called after the last row.
  Result<void> finish() {
    if (id_.empty()) return {};
    id_.clear();
    return take_(of_, count_);
  }

 private:
  const CountSink& take_;
  std::string id_;  // of the policy; empty: there is none yet
  PolicyOfDay of_;
  PolicyCount count_;
};

}  // namespace starttls::outbound
