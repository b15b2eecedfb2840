// Where a server listens, in libmilter's form: "unix:/path" or "inet:port@address" (IPv4, numeric).
#pragma once

#include <sys/socket.h>

#include <string>

#include "base/file.h"
#include "base/result.h"

namespace starttls::load {

class Address {
 public:
  // Fault::usage for another form.
  static Result<Address> parse(const std::string& socket);

  int family() const { return storage_.ss_family; }

  // A new non-blocking socket with the connection under way. Fault::temporary where the listener's queue is
  // full, Fault::unavailable where nobody listens.
  Result<UniqueFd> connect() const;

  // A new blocking socket, once it is connected: it waits for room in the listener's queue.
  // Fault::unavailable where nobody listens.
  Result<UniqueFd> connect_waiting() const;

  // A new blocking socket that listens here. Fault::unavailable where it cannot, as where the place is taken.
  Result<UniqueFd> listen() const;

 private:
  const sockaddr* place() const { return reinterpret_cast<const sockaddr*>(&storage_); }

  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace starttls::load
