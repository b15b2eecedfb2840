// libmilter starts a thread that waits for SIGHUP, SIGTERM and SIGINT with sigwait(3), and stops at once
// after each of them. With open sessions it then destroys locks and frees connections that its other threads
// use, and hangs or crashes (its mi_pool_controller()). That thread cannot be avoided. So this program
// defines a sigwait() that waits for ever. libmilter uses it instead of the C library's, and the event loop
// of the program gets every signal.

#include <unistd.h>

#include <csignal>

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
extern "C" int sigwait(const sigset_t* /*set*/, int* /*signal*/) {
  // The thread has all signals blocked, so that pause(2) never returns.
  for (;;) ::pause();
}
