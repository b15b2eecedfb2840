// libmilter starts a thread that takes HUP, TERM and INT with sigwait(3), each as an order to stop at once;
// with sessions open it then destroys locks and frees connections that its other threads are using, and hangs
// or crashes (its mi_pool_controller()). There is no way to do without that thread. So sigwait() of this
// program, which libmilter finds in place of the C library's, waits for ever, and every signal is left to the
// program's own event loop.

#include <unistd.h>

#include <csignal>

// NOLINTNEXTLINE(readability-inconsistent-declaration-parameter-name)
extern "C" int sigwait(const sigset_t* /*set*/, int* /*signal*/) {
  // The thread has all signals blocked, so that pause(2) never returns.
  for (;;) ::pause();
}
