// Takes documents that are POSTed over plain HTTP, behind a web server that has the TLS, in the loop's thread (libevent's
// evhttp(3)).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "event/loop.h"

struct evhttp;

namespace starttls::service {

struct Upload {
  std::string_view content_type;  // in lower case, without parameters; "" where there is none
  std::string_view body;
  // The address of the client, "192.0.2.1"; "" where it is not known. A connection from this host (a unix socket, a
  // loopback address) is that of the web server, which says for whom it is: the last address in X-Forwarded-For, since
  // the client can have written those before it.
  std::string_view client;
};

// An answer of HTTP (RFC 9110 section 15).
struct UploadAnswer {
  int status = 201;
  std::string text;                     // for people, a line
  std::chrono::seconds retry_after{0};  // after which the client may try again; 0: it is not said
};

struct UploadSettings {
  std::size_t max_size = std::size_t{1} << 20U;  // bytes of a body; a larger one is answered with 413
  // In lower case; another one is answered with 415. Empty: any is taken.
  std::vector<std::string_view> content_types;
  std::function<UploadAnswer(const Upload& upload)> take;
};

// Other methods than POST are answered with 405. A connection that is silent for ten seconds is closed. How many there
// are at a time is limited by the number of files that the process may have open; others wait until one is closed.
class UploadServer {
 public:
  // The loop must not run any more when this is destroyed.
  // `listening` is a socket that listens and does not block. Fault::unavailable.
  static Result<std::unique_ptr<UploadServer>> create(event::Loop& loop, UniqueFd listening,
                                                      UploadSettings settings);
  UploadServer(const UploadServer&) = delete;
  UploadServer& operator=(const UploadServer&) = delete;
  ~UploadServer();

 private:
  explicit UploadServer(UploadSettings settings);

  UploadSettings settings_;
  std::unique_ptr<::evhttp, void (*)(::evhttp*)> server_;
};

}  // namespace starttls::service
