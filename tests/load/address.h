// Where a filter listens, in libmilter's form: "unix:/path" or "inet:port@address" (IPv4, numeric).
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

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace starttls::load
