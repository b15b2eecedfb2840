// Fetching files over HTTPS: nothing but https, TLS 1.2 or later, certificates always verified, everything
// limited.
//
//     http::Client client;
//     const auto answer = client.fetch({.url = url, .validators = known}, http::append_to(fd, path));
//     if (!answer) return std::unexpected(answer.error());
//     if (answer->status == 304) return {};            what is known is the newest
//
// No cookies, no netrc, no content coding: the bytes of the sink are those that the server keeps. Proxies are
// taken from the environment as curl does: https_proxy, HTTPS_PROXY, ALL_PROXY, NO_PROXY (curl(1)). URLs in
// errors are shown without user name, password and query. Nothing of libcurl runs before the first fetch.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "base/result.h"
#include "http/sink.h"
#include "http/validators.h"

namespace starttls::http {

// What ends a transfer that a server, or somebody in between, will not end.
struct Limits {
  std::chrono::milliseconds total = std::chrono::minutes(5);     // everything, redirects included
  std::chrono::milliseconds connect = std::chrono::seconds(20);  // name, connection and TLS handshake
  std::uint64_t bytes = std::uint64_t{64} << 20U;                // of the body
  int redirects = 5;                                             // 0: none is followed
  // A transfer slower than `min_speed` (bytes a second) for `slow` is ended.
  long min_speed = 100;
  std::chrono::seconds slow = std::chrono::seconds(30);
};

struct Request {
  std::string url;        // is_https_url()
  Validators validators;  // of what is known already; one that is_validator() refuses is not sent
  Limits limits;
  std::filesystem::path ca_file;  // PEM; the only authorities trusted. "": those of the system
};

struct Answer {
  int status = 0;            // 200, or 304: what is known is still the newest, nothing went to the sink
  Validators validators;     // of the answer; one that is_validator() refuses is left out
  std::string content_type;  // as sent, escaped and cut: "text/plain; charset=utf-8"; "" where there is none
  std::string url;           // where it came from in the end, without user name and password
  std::uint64_t bytes = 0;   // of the body
};

// Keeps connections and the parsed authorities from one fetch to the next. Not thread-safe: one a thread.
class Client {
 public:
  Client() = default;

  // Waits for the whole answer. Errors:
  //   Fault::temporary  what may pass: no name or address, no connection, the handshake or the transfer broke
  //                     off, too slow, status 408, 425, 429 or 5xx
  //   Fault::data       what stays wrong until somebody mends it, here or there: the certificate cannot be
  //                     trusted (somebody may sit in between, and a second try must not be what finds out); a
  //                     redirect away from https, or too many; too large; any other status, 403, 404 and 410
  //                     among them: the URL is wrong or the file withdrawn
  //   Fault::config     the URL is none, or the CA file cannot be read
  //   and whatever the sink says.
  Result<Answer> fetch(const Request& request, const Sink& sink);

 private:
  std::unique_ptr<void, void (*)(void*)> easy_{nullptr, nullptr};  // curl's handle
};

}  // namespace starttls::http
