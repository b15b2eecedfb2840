// The socket that libmilter listens on. libmilter makes its own, and knows no other way: its calls of socket(2), bind(2)
// and accept(2) come here (--wrap of the linker).
#pragma once

#include "base/file.h"

namespace starttls::milter {

// The socket that libmilter opens next is this one, which is already bound.
void give_to_libmilter(UniqueFd socket);

// The socket that libmilter has opened last; -1 before. libmilter owns it.
int libmilters_socket();

// libmilter accepts no connection any more: new ones wait until another process accepts them, or the socket is closed
// everywhere. Then waits until all accepted ones have reached the callback for a connection (see has_connected()), for at
// most a second: a client may be slow, or gone.
void stop_accepting();

// To be called in the callback for a connection.
void has_connected();

}  // namespace starttls::milter
