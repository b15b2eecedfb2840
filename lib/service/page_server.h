// One page of text over plain HTTP, for metrics: composed for each request, in the loop's thread (libevent's
// evhttp(3)).
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/result.h"
#include "event/loop.h"

struct evhttp;

namespace starttls::service {

struct Page {
  std::string path;          // "/metrics"; anything else is 404
  std::string content_type;  // "text/plain; charset=utf-8"
  std::function<std::string()> text;
};

class PageServer {
 public:
  // `listening` is a socket that listens and does not block. Fault::unavailable.
  static Result<std::unique_ptr<PageServer>> create(event::Loop& loop, UniqueFd listening, Page page);
  PageServer(const PageServer&) = delete;
  PageServer& operator=(const PageServer&) = delete;
  ~PageServer();

 private:
  explicit PageServer(Page page);

  Page page_;
  std::unique_ptr<::evhttp, void (*)(::evhttp*)> server_;
};

}  // namespace starttls::service
