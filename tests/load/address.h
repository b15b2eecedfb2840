// The address of a server in libmilter's form: "unix:/path" or "inet:port@address" (IPv4, numeric).
#pragma once

#include <sys/socket.h>

#include <string>

#include "base/file.h"
#include "base/result.h"

namespace starttls::load {

class Address {
 public:
  // Fault::usage for any other form.
  static Result<Address> parse(const std::string& socket);

  int family() const { return storage_.ss_family; }

  // Returns a new non-blocking socket that is connecting. Fault::temporary if the listener's queue is full,
  // Fault::unavailable if no process listens.
  Result<UniqueFd> connect() const;

  // Returns a new blocking socket after it is connected: it waits for space in the listener's queue.
  // Fault::unavailable if no process listens.
  Result<UniqueFd> connect_waiting() const;

  // Returns a new blocking socket that listens here. Fault::unavailable if that fails, for example if the
  // address is in use.
  Result<UniqueFd> listen() const;

 private:
  const sockaddr* place() const { return reinterpret_cast<const sockaddr*>(&storage_); }

  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace starttls::load
