#include "http/client.h"

#include "base/try.h"
#include "http/curl_handle.h"
#include "http/transfer.h"
#include "http/url.h"

namespace starttls::http {

Result<Answer> Client::fetch(const Request& request, const Sink& sink) {
  TRY(is_https_url(request.url));
  if (!easy_) easy_ = new_easy();
  if (!easy_) return fail(Fault::internal, "libcurl cannot be started");
  Transfer transfer(easy_.get(), request, sink);
  return transfer.conclude(::curl_easy_perform(easy_.get()));
}

}  // namespace starttls::http
