#include "http/transfer.h"

#include <algorithm>
#include <limits>

#include "base/text.h"
#include "http/url.h"

namespace starttls::http {
namespace {

constexpr std::size_t content_type_limit = 200;

// curl takes 0 for "no limit".
template <class Duration>
long at_least_one(Duration duration) {
  return std::clamp<long>(static_cast<long>(duration.count()), 1, std::numeric_limits<int>::max());
}

bool may_pass(int status) {
  constexpr std::array passing{408, 425, 429};  // timeout, too early, too many requests
  return (status >= 500 && status < 600) || std::ranges::find(passing, status) != passing.end();
}

}  // namespace

Transfer::Transfer(CURL* easy, const Request& request, const Sink& sink)
    : easy_(easy), request_(request), sink_(sink) {
  ::curl_easy_setopt(easy_, CURLOPT_ERRORBUFFER, reason_.data());
  ::curl_easy_setopt(easy_, CURLOPT_URL, request_.url.c_str());
  ::curl_easy_setopt(easy_, CURLOPT_PROTOCOLS_STR, "https");
  ::curl_easy_setopt(easy_, CURLOPT_REDIR_PROTOCOLS_STR, "https");
  ::curl_easy_setopt(easy_, CURLOPT_FOLLOWLOCATION, request_.limits.redirects > 0 ? 1L : 0L);
  ::curl_easy_setopt(easy_, CURLOPT_MAXREDIRS, static_cast<long>(request_.limits.redirects));
  // A list and its signature: nothing to multiplex.
  ::curl_easy_setopt(easy_, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  ::curl_easy_setopt(easy_, CURLOPT_USERAGENT, "starttls-toolkit/" STARTTLS_VERSION);
  ::curl_easy_setopt(easy_, CURLOPT_NOSIGNAL, 1L);
  // A resolver that hangs must not outlast the time limit: its thread ends by itself.
  ::curl_easy_setopt(easy_, CURLOPT_QUICK_EXIT, 1L);
  ::curl_easy_setopt(easy_, CURLOPT_WRITEFUNCTION, &Transfer::receive);
  ::curl_easy_setopt(easy_, CURLOPT_WRITEDATA, this);
  limit();
  trust();
  ask_conditionally();
}

Transfer::~Transfer() {
  ::curl_easy_reset(easy_);
}

// The size is limited where the body arrives: curl's own limit would also hold for the page of an error.
void Transfer::limit() {
  const Limits& limits = request_.limits;
  ::curl_easy_setopt(easy_, CURLOPT_TIMEOUT_MS, at_least_one(limits.total));
  ::curl_easy_setopt(easy_, CURLOPT_CONNECTTIMEOUT_MS, at_least_one(limits.connect));
  ::curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_LIMIT, limits.least_speed);
  ::curl_easy_setopt(easy_, CURLOPT_LOW_SPEED_TIME, at_least_one(limits.slow));
}

void Transfer::trust() {
  ::curl_easy_setopt(easy_, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  ::curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYPEER, 1L);
  ::curl_easy_setopt(easy_, CURLOPT_SSL_VERIFYHOST, 2L);
  if (!request_.ca_file.empty()) ::curl_easy_setopt(easy_, CURLOPT_CAINFO, request_.ca_file.c_str());
  // While a folder of authorities is set, which it is by default, curl 7.88 reads the whole bundle again for
  // every connection; and a file that was given is to be the only source.
  const bool system_has_file = ::curl_version_info(CURLVERSION_NOW)->cainfo != nullptr;
  if (system_has_file || !request_.ca_file.empty()) ::curl_easy_setopt(easy_, CURLOPT_CAPATH, nullptr);
}

void Transfer::ask_conditionally() {
  const auto add = [this](std::string_view name, const std::string& value) {
    if (!is_validator(value)) return;
    curl_slist* longer = ::curl_slist_append(fields_.get(), fmt::format("{}: {}", name, value).c_str());
    if (longer == nullptr) return;  // no memory: the whole file comes, which is as good
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
  // What else comes with an error is of no use; conclude() tells the status.
  if (status() != 200) return false;
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
  const bool ended_by_us = code == CURLE_WRITE_ERROR && status() != 200;
  if (code != CURLE_OK && !ended_by_us) return std::unexpected(failed(code));
  return answer();
}

Result<Answer> Transfer::answer() const {
  if (status() == 304 && !conditional_) {
    return fail(Fault::data, "{}: the server says \"not modified\" (status 304) without having been asked",
                place());
  }
  if (status() != 200 && status() != 304) return std::unexpected(refused_status());
  const std::string coding = header("Content-Encoding");
  if (!coding.empty() && to_lower(trim(coding)) != "identity") {
    return fail(Fault::data, "{}: sent in the coding \"{}\", which was not asked for", place(),
                printable(coding, content_type_limit));
  }
  return Answer{.status = status(),
                .validators = {.etag = validator("ETag"), .last_modified = validator("Last-Modified")},
                .content_type = printable(header("Content-Type"), content_type_limit),
                .url = effective_url(),
                .bytes = bytes_};
}

Error Transfer::refused_status() const {
  const int code = status();
  const auto told = [&](Fault fault, std::string_view what) {
    return Error{fault, fmt::format("{}: {} (status {})", place(), what, code)};
  };
  if (may_pass(code)) return told(Fault::temporary, "the server cannot answer now");
  switch (code) {
    case 401:
    case 403:
      return told(Fault::data, "the server denies access");
    case 404:
      return told(Fault::data, "there is no such file");
    case 410:
      return told(Fault::data, "the file was withdrawn for good");
    default:
      break;
  }
  if (code >= 300 && code < 400)
    return told(Fault::data, "the server redirects in a way that is not followed");
  return told(Fault::data, "an answer that is no file");
}

// The reasons are curl's and OpenSSL's words, which may hold the server's.
Error Transfer::failed(CURLcode code) const {
  const std::string_view words(reason_.data());
  const std::string reason = printable(words.empty() ? ::curl_easy_strerror(code) : words, 300);
  const auto told = [&](Fault fault, std::string_view what) {
    return Error{fault, fmt::format("{}: {}", place(), what)};
  };
  switch (code) {
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return told(
          Fault::data,
          fmt::format("the server's certificate cannot be trusted, so nothing was fetched; either the "
                      "server is set up wrongly or somebody sits in between: {}",
                      reason));
    case CURLE_SSL_CACERT_BADFILE:
      return {Fault::config, fmt::format("the CA file cannot be used: {}", reason)};
    case CURLE_UNSUPPORTED_PROTOCOL:
      return told(Fault::data, "the server redirects away from https, which is refused");
    case CURLE_URL_MALFORMAT:
      return told(Fault::data, "the server redirects to what is no URL");
    case CURLE_TOO_MANY_REDIRECTS:
      return told(Fault::data, fmt::format("more than {} redirects", request_.limits.redirects));
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
      return told(Fault::data, fmt::format("the server does not speak HTTP as it should: {}", reason));
    case CURLE_COULDNT_RESOLVE_PROXY:
      // curl's words would show the proxy's URL and the password in it.
      return told(Fault::temporary, "the proxy that the environment names cannot be found");
    case CURLE_SSL_CONNECT_ERROR:
      return told(Fault::temporary,
                  fmt::format("the TLS handshake failed (TLS 1.2 or later is needed): {}", reason));
    case CURLE_OPERATION_TIMEDOUT:
      return told(Fault::temporary, fmt::format("too slow: {}", reason));
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
      return told(Fault::internal, fmt::format("libcurl failed: {}", reason));
    default:
      return told(Fault::temporary, reason);
  }
}

int Transfer::status() const {
  long status = 0;
  ::curl_easy_getinfo(easy_, CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

// Of the last answer; the first of several.
std::string Transfer::header(const char* name) const {
  curl_header* field = nullptr;
  if (::curl_easy_header(easy_, name, 0, CURLH_HEADER, -1, &field) != CURLHE_OK) return {};
  return field->value;
}

std::string Transfer::validator(const char* name) const {
  const std::string value = header(name);
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
