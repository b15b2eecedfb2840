// What every outbound store must do, with any engine.
#pragma once

#include "outbound/store.h"

namespace starttls::test {

// One check in each function; each starts with a new store.
void what_is_folded_is_read_back_and_adds_up(outbound::Store& store);
void a_segment_that_was_folded_before_changes_nothing(outbound::Store& store);
void a_fold_that_is_not_committed_leaves_nothing(outbound::Store& store);
void only_the_days_and_the_domain_that_were_asked_for_are_read(outbound::Store& store);
void policies_come_in_the_order_of_their_domains(outbound::Store& store);
void a_full_day_counts_what_it_leaves_out(outbound::Store& store);
void old_days_are_removed_and_their_texts_before(outbound::Store& store);
void policies_that_differ_where_texts_are_cut_off_are_one(outbound::Store& store);
void hostile_texts_are_read_back(outbound::Store& store);

}  // namespace starttls::test
