// Fetching files over HTTPS: nothing but https, TLS 1.2 or later, certificates always verified, everything
// limited.
//
//     http::Client client;
//     const auto answer = TRY(client.fetch({.url = url, .validators = known}, http::append_to(fd, path)));
//     if (answer.status == 304) return {};            what is known is the newest
//
// No cookies, no netrc. The sink gets the bytes as the server stores them: without a content coding, or, if the request
// allows gzip, decoded. Proxies come
// from the environment as for curl: https_proxy, HTTPS_PROXY, ALL_PROXY, NO_PROXY (curl(1)). Errors show
// URLs without user name, password and query. libcurl is started by the first fetch.
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

// Limits of a transfer. A server, or a host in between, may send without end.
struct Limits {
  std::chrono::milliseconds total = std::chrono::minutes(5);     // everything, redirects included
  std::chrono::milliseconds connect = std::chrono::seconds(20);  // name, connection and TLS handshake
  std::uint64_t bytes = std::uint64_t{64} << 20U;                // of the body, decoded
  int redirects = 5;                                             // 0: none is followed
  // A transfer that is slower than `min_speed` (bytes a second) for `slow` fails.
  long min_speed = 100;
  std::chrono::seconds slow = std::chrono::seconds(30);
};

struct Request {
  std::string url;        // is_https_url()
  Validators validators;  // of the copy that we have; invalid ones (is_validator()) are not sent
  Limits limits;
  std::filesystem::path ca_file;  // PEM; the only authorities trusted. "": those of the system
  bool gzip = false;              // the server may send the body with gzip (RFC 9110 section 8.4.1.3)
  bool may_be_missing = false;    // the status 404 is an answer, not an error
};

struct Answer {
  // 200; or 304: what is known is still the newest; or 404, if the request allows it. Only with 200 the sink got the
  // body.
  int status = 0;
  Validators validators;     // of the answer; invalid ones (is_validator()) are dropped
  std::string content_type;  // as sent, escaped and cut: "text/plain; charset=utf-8"; "" where there is none
  std::string url;           // where it came from in the end, without user name and password
  std::uint64_t bytes = 0;   // of the body, decoded
};

// Keeps connections and the parsed authorities between fetches. Not thread-safe: use one for each thread.
class Client {
 public:
  Client() = default;

  // Waits for the whole response. Errors:
  //   Fault::temporary  may work later: no name or address, no connection, the handshake or the transfer
  //                     broke off, too slow, status 408, 425, 429 or 5xx
  //   Fault::data       stays wrong until it is corrected: the certificate cannot be trusted (there may be
  //                     an attack, and a second try must not be what detects it); a redirect away from https,
  //                     or too many; too large; any other status, such as 403, 404 and 410: the URL is wrong
  //                     or the file was withdrawn
  //   Fault::config     the URL is invalid, or the CA file cannot be read
  //   and the errors of the sink.
  Result<Answer> fetch(const Request& request, const Sink& sink);

 private:
  std::unique_ptr<void, void (*)(void*)> easy_{nullptr, nullptr};  // curl's handle
};

}  // namespace starttls::http
