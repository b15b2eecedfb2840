#include "http/transfer.h"

#include "base/text.h"
#include "http/url.h"

namespace starttls::http {
namespace {

// RFC 9110 section 8.4.1.3: both names mean the same.
bool is_gzip(std::string_view coding) {
  const std::string name = to_lower(trim(coding));
  return name == "gzip" || name == "x-gzip";
}

}  // namespace

Transfer::Transfer(CURL* easy, const Request& request, const Sink& sink)
    : easy_(easy), request_(request), sink_(sink) {
  ::curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, reason_.data());
  ::curl_easy_setopt(easy_, CURLOPT_URL, request_.url.c_str());
  speak_https(easy_, request_.ca_file);
  ::curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, request_.limits.redirects > 0 ? 1L : 0L);
  ::curl_easy_setopt(easy_, CURLOPT_MAXREDIRS, static_cast<long>(request_.limits.redirects));
  // curl decodes whatever coding it knows, once it decodes at all; answer() refuses any other one.
  if (request_.gzip) ::curl_easy_setopt(easy_, CURLOPT_ACCEPT_ENCODING, "gzip");
  // Do not wait for a resolver that hangs beyond the time limit: its thread ends by itself.
  ::curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);
  ::curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::receive);
  ::curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  limit();
  ask_conditionally();
}

Transfer::~Transfer() {
  ::curl_easy_reset(easy_);
}

// The size is limited where the body arrives. curl's own limit would also apply to the page of an error.
void Transfer::limit() {
  const Limits& limits = request_.limits;
  ::curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, at_least_one(limits.total));
  ::curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, at_least_one(limits.connect));
  ::curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_LIMIT, limits.min_speed);
  ::curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_TIME, at_least_one(limits.slow));
}

void Transfer::ask_conditionally() {
  const auto add = [this](std::string_view name, const std::string& value) {
    if (!is_validator(value)) return;
    curl_slist* longer = ::curl_slist_append(fields_.get(), fmt::format("{}: {}", name, value).c_str());
    if (longer == nullptr) return;  // no memory: the whole file is sent, which is correct, too
    (void)fields_.release();
    fields_.reset(longer);
    conditional_ = true;
  };
  add("If-None-Match", request_.validators.etag);
  add("If-Modified-Since", request_.validators.last_modified);
  ::curl_easy_setopt(easy_, CURLOPT_HTTPHEADER, fields_.get());
}

std::size_t Transfer::receive(char* bytes, std::size_t, std::size_t size, void* transfer) noexcept {
  return static_cast<Transfer*>(transfer)->take({bytes, size}) ? size : CURL_WRITEFUNC_ERROR;
}

// False ends the transfer.
bool Transfer::take(std::string_view piece) {
  // The rest of an error response is of no use; conclude() reports the status.
  if (status_of(easy_) != 200) return false;
  curl_off_t announced = -1;
  ::curl_easy_getinfo(easy_, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
  const std::uint64_t limit = request_.limits.bytes;
  if ((announced > 0 && static_cast<std::uint64_t>(announced) > limit) || piece.size() > limit - bytes_) {
    stopped_ = too_large().error();
    return false;
  }
  bytes_ += piece.size();
  if (const auto taken = sink_(piece); !taken) stopped_ = taken.error();
  return !stopped_;
}

std::unexpected<Error> Transfer::too_large() const {
  return fail(Fault::data, "{}: larger than the limit of {} bytes", place(), request_.limits.bytes);
}

Result<Answer> Transfer::conclude(CURLcode code) {
  if (stopped_) return std::unexpected(*stopped_);
  const bool ended_by_us = code == CURLE_WRITE_ERROR && status_of(easy_) != 200;
  if (code != CURLE_OK && !ended_by_us) return std::unexpected(failed(code));
  return answer();
}

Result<Answer> Transfer::answer() const {
  const int status = status_of(easy_);
  if (status == 304 && !conditional_) {
    return fail(Fault::data, "{}: the server says \"not modified\" (status 304) without having been asked",
                place());
  }
  if (status == 404 && request_.may_be_missing) return Answer{.status = status, .url = effective_url()};
  if (status != 200 && status != 304) return std::unexpected(refused_status());
  const std::string coding = content_coding_of(easy_);
  if (!coding.empty() && !(request_.gzip && is_gzip(coding))) {
    return fail(Fault::data, "{}: sent in the coding \"{}\", which was not asked for", place(), coding);
  }
  return Answer{.status = status,
                .validators = {.etag = validator("ETag"), .last_modified = validator("Last-Modified")},
                .content_type = content_type_of(easy_),
                .url = effective_url(),
                .bytes = bytes_};
}

Error Transfer::refused_status() const {
  const int code = status_of(easy_);
  const auto failure = [&](Fault fault, std::string_view what) {
    return Error{fault, fmt::format("{}: {} (status {})", place(), what, code)};
  };
  if (may_pass(code)) return failure(Fault::temporary, "the server cannot answer now");
  switch (code) {
    case 401:
    case 403:
      return failure(Fault::data, "the server denies access");
    case 404:
      return failure(Fault::data, "there is no such file");
    case 410:
      return failure(Fault::data, "the file was withdrawn for good");
    default:
      break;
  }
  if (code >= 300 && code < 400)
    return failure(Fault::data, "the server redirects in a way that is not followed");
  return failure(Fault::data, "an answer that is no file");
}

Error Transfer::failed(CURLcode code) const {
  const std::string reason = reason_of(code, reason_);
  const auto failure = [&](Fault fault, std::string_view what) {
    return Error{fault, fmt::format("{}: {}", place(), what)};
  };
  if (is_certificate_trouble(code)) {
    return failure(
        Fault::data,
        fmt::format("the server's certificate cannot be trusted, so nothing was fetched; either the "
                    "server is set up wrongly, or there is an attack: {}",
                    reason));
  }
  switch (code) {
    case CURLE_SSL_CACERT_BADFILE:
      return {Fault::config, fmt::format("the CA file cannot be used: {}", reason)};
    case CURLE_UNSUPPORTED_PROTOCOL:
      return failure(Fault::data, "the server redirects away from https, which is refused");
    case CURLE_URL_MALFORMAT:
      return failure(Fault::data, "the server redirects to what is no URL");
    case CURLE_TOO_MANY_REDIRECTS:
      return failure(Fault::data, fmt::format("more than {} redirects", request_.limits.redirects));
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return failure(Fault::data, fmt::format("the server does not speak HTTP as it should: {}", reason));
    case CURLE_COULDNT_RESOLVE_PROXY:
      // curl's message would show the proxy's URL and its password.
      return failure(Fault::temporary, "the proxy that the environment names cannot be found");
    case CURLE_SSL_CONNECT_ERROR:
      return failure(Fault::temporary,
                     fmt::format("the TLS handshake failed (TLS 1.2 or later is needed): {}", reason));
    case CURLE_OPERATION_TIMEDOUT:
      return failure(Fault::temporary, fmt::format("too slow: {}", reason));
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
      return failure(Fault::internal, fmt::format("libcurl failed: {}", reason));
    default:
      return failure(Fault::temporary, reason);
  }
}

std::string Transfer::validator(const char* name) const {
  const std::string value = header_of(easy_, name);
  return is_validator(value) ? value : std::string();
}

std::string Transfer::effective_url() const {
  const char* url = nullptr;
  ::curl_easy_getinfo(easy_, CURLINFO_EFFECTIVE_URL, &url);
  return url == nullptr ? std::string() : without_userinfo(url);
}

std::string Transfer::place() const {
  std::string asked = shown(request_.url);
  const std::string reached = shown(effective_url());
  long redirects = 0;
  ::curl_easy_getinfo(easy_, CURLINFO_REDIRECT_COUNT, &redirects);
  if (redirects == 0 || reached == asked) return asked;
  return fmt::format("{}, redirected to {}", asked, reached);
}

}  // namespace starttls::http
