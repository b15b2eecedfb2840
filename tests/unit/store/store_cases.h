// What every store must do, with any engine: the test cases take a function that creates an empty one.
#pragma once

#include <functional>
#include <memory>

#include "examples.h"
#include "store/store.h"

namespace starttls::test {

using NewStore = std::function<std::unique_ptr<store::Store>()>;

// All that a store gives.
struct Everything {
  store::Snapshot snapshot;
  store::DailyCounts counts;
};
Everything read_all(store::Store& store, const store::Period& period,
                    const std::vector<std::string>& segments);

// One check in each function; each starts with a new store.
void what_is_folded_is_read_back_and_adds_up(store::Store& store);
void a_segment_that_was_folded_before_changes_nothing(store::Store& store);
void only_the_days_of_the_period_are_read(store::Store& store);
void old_ids_are_forgotten(store::Store& store);
void failures_and_sessions_find_each_other_across_folds(store::Store& store);
void what_waits_too_long_is_counted(store::Store& store);
void a_sender_known_for_tls_in_plaintext_is_a_downgrade(store::Store& store);
void a_forgotten_sender_counts_as_new(store::Store& store);
void a_sender_is_forgotten_in_journals_too(store::Store& store);
// Three days of two rows, one row at a time; returns how many times something was removed.
std::size_t old_days_are_pruned(store::Store& store);
void a_fold_that_is_not_committed_leaves_nothing(store::Store& store);
void segments_are_folded_together_but_for_those_that_were_before(store::Store& store);

}  // namespace starttls::test
