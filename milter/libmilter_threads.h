// The threads of libmilter. libmilter starts a thread where no thread of its own is free, and ends one where more than
// two are: with ten connections or more, that is nearly one thread a session. Starting a thread costs more than what is
// done in it. So its calls of pthread_create(3) come here (--wrap of the linker), and take a thread that has finished.
#pragma once

#include <chrono>
#include <cstddef>

namespace starttls::milter {

// How many threads that have finished may wait for their next task from now on, and for how long. As long as this is not
// called, each ends at once.
void keep_threads(std::size_t max_idle, std::chrono::milliseconds max_idle_time);

}  // namespace starttls::milter
