#include "http/client.h"

#include <curl/curl.h>

#include <mutex>

#include "http/transfer.h"
#include "http/url.h"

namespace starttls::http {
namespace {

// Once a process, and not before it is needed: it costs milliseconds.
bool start_curl() {
  static std::once_flag once;
  static bool started = false;
  std::call_once(once, [] { started = ::curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; });
  return started;
}

}  // namespace

Result<Answer> Client::fetch(const Request& request, const Sink& sink) {
  if (const auto sound = is_https_url(request.url); !sound) return std::unexpected(sound.error());
  if (!easy_ && start_curl()) easy_ = {::curl_easy_init(), &::curl_easy_cleanup};
  if (!easy_) return fail(Fault::internal, "libcurl cannot be started");
  Transfer transfer(easy_.get(), request, sink);
  return transfer.conclude(::curl_easy_perform(easy_.get()));
}

}  // namespace starttls::http
