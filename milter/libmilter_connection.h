// libmilter's connections with MTAs. libmilter asks whether it may read before each read, reads the head of a packet
// apart from its content, and asks whether it may write before each write: some twelve system calls for an answer, as
// the MTA sends macros and command together. Here they are three: its calls of poll(2), read(2), writev(2) and close(2)
// come here (--wrap of the linker). Nor does a thread sleep until the next command of its connection.
//
// libmilter takes the end of a connection for an error, even if there is data before it that it has not read; here it
// gets the data first.
#pragma once

namespace starttls::milter {

// libmilter has accepted this connection.
void buffer_connection(int fd);

}  // namespace starttls::milter
