// What every outbound store must do, with any engine.
#pragma once

#include "outbound/store.h"

namespace starttls::test {

// One of them, for a new store.
void a_full_day_counts_what_it_leaves_out(outbound::Store& store);

// All of them, as sections of the test case that calls it, which has a new store each time.
void every_check_of_a_store(outbound::Store& store);

}  // namespace starttls::test
