// What every outbound store must do, with any engine.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "examples.h"
#include "outbound/fold.h"
#include "outbound/store.h"

namespace starttls::test {

inline const outbound::Period year{good(parse_day("2026-01-01")), good(parse_day("2026-12-31"))};

using Payloads = std::vector<std::string>;

Payloads payloads_of(const std::vector<std::string>& datagrams, Time when = noon);

outbound::FoldOutcome fold_of(outbound::Store& store, outbound::KnownResults& known,
                              const std::string& segment, const Payloads& payloads,
                              outbound::Limits limits = {});
outbound::FoldOutcome fold_of(outbound::Store& store, const std::string& segment, const Payloads& payloads,
                              outbound::Limits limits = {});

struct Everything {
  std::set<std::string> folded;
  outbound::DailyCounts counts;
  outbound::DayTotals days;
  std::vector<std::string> domains;  // in the order in which they came

  bool operator==(const Everything&) const = default;
};

Everything read_all(outbound::Store& store, const outbound::Query& query = {.period = year});

// One of them, for a new store.
void a_full_day_counts_what_it_leaves_out(outbound::Store& store);

// All of them, as sections of the test case that calls it, which has a new store each time.
void every_check_of_a_store(outbound::Store& store);

}  // namespace starttls::test
