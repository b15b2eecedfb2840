// A connection to an IMAP server over TLS, logged in by libcurl (which knows the mechanisms of SASL). What is said then is
// the caller's: libcurl's own FETCH marks messages as seen at once.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::http {

struct ImapLogin {
  std::string host;  // a name, or an address, an IPv6 one in brackets
  std::uint16_t port = 993;
  std::string user;
  std::string password;
  std::filesystem::path ca_file;  // PEM; the only authorities trusted. "": those of the system
  std::chrono::milliseconds connect = std::chrono::seconds(30);  // connection, TLS and login
  std::chrono::milliseconds idle = std::chrono::minutes(2);      // without a byte of the server
  std::chrono::milliseconds total = std::chrono::hours(1);       // everything
};

class ImapConnection {
 public:
  // TLS from the first byte, 1.2 or later; the certificate must be valid for the host. No proxy. Fault::permission where
  // the server denies the login; Fault::unavailable where its certificate cannot be trusted; Fault::config where the
  // CA file cannot be read; else Fault::temporary.
  static Result<ImapConnection> open(const ImapLogin& login);

  Result<void> send(std::string_view bytes);
  // At least one byte. Both: Fault::temporary where the connection breaks or is too slow.
  Result<std::size_t> receive(std::span<char> into);

 private:
  using Steady = std::chrono::steady_clock;
  ImapConnection(std::unique_ptr<void, void (*)(void*)> easy, std::chrono::milliseconds idle,
                 Steady::time_point end)
      : easy_(std::move(easy)), idle_(idle), end_(end) {}
  Result<void> wait(short events);

  std::unique_ptr<void, void (*)(void*)> easy_;  // curl's handle
  std::chrono::milliseconds idle_;
  Steady::time_point end_;
};

}  // namespace starttls::http
