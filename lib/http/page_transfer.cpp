#include "http/page_transfer.h"

#include <sys/socket.h>
#include <unistd.h>

#include <charconv>
#include <ranges>
#include <system_error>
#include <utility>

#include "base/file.h"
#include "base/public_address.h"
#include "base/text.h"
#include "http/url.h"

namespace starttls::http {
namespace {

// The limit of all headers together, in bytes. A policy host's headers have a few hundred bytes.
constexpr std::size_t header_limit = std::size_t{64} << 10U;
constexpr std::size_t location_limit = 200;
// The number of addresses that are tried of one host, so that a host with many addresses takes no more of our
// time.
constexpr std::size_t max_addresses = 16;

int refuse_to_resolve(void*, void*, void*) noexcept {
  return 1;
}

// Whether a Content-Length is over the limit. A malformed length is not: curl checks it.
bool is_over(std::size_t limit, std::string_view length) {
  std::size_t announced = 0;
  const auto [end, error] = std::from_chars(length.data(), length.data() + length.size(), announced);
  return error == std::errc::result_out_of_range || (error == std::errc() && announced > limit);
}

// The server's own certificate in PEM; "" where there is none (CURLINFO_CERTINFO(3)).
std::string certificate_of(CURL* easy) {
  constexpr std::string_view name = "Cert:";
  curl_certinfo* chain = nullptr;
  if (::curl_easy_getinfo(easy, CURLINFO_CERTINFO, &chain) != CURLE_OK || chain == nullptr ||
      chain->num_of_certs < 1)
    return {};
  for (const curl_slist* line = chain->certinfo[0]; line != nullptr; line = line->next) {
    const std::string_view text = line->data;
    if (text.starts_with(name)) return std::string(text.substr(name.size()));
  }
  return {};
}

// CURLE_TOO_LARGE, which curl has from 8.6 on: one of its own limits, such as that for the number of headers.
constexpr auto curl_too_large = static_cast<CURLcode>(100);

bool is_connection_trouble(CURLcode code) {
  return code == CURLE_COULDNT_CONNECT || code == CURLE_OPERATION_TIMEDOUT;
}

}  // namespace

Page not_public(std::string_view address) {
  return {.error = FetchError::address,
          .reason = fmt::format("no address of the public Internet: {}", address)};
}

std::unique_ptr<PageTransfer> PageTransfer::create(const FetcherSettings& settings,
                                                   std::vector<CURL*>& lost) {
  Easy easy = new_easy();
  if (!easy) return nullptr;
  return std::unique_ptr<PageTransfer>(new PageTransfer(std::move(easy), settings, lost));
}

PageTransfer::PageTransfer(Easy easy, const FetcherSettings& settings, std::vector<CURL*>& lost)
    : easy_(std::move(easy)), settings_(settings), lost_(lost) {
  ::curl_easy_setopt(easy_.get(), CURLOPT_ERRORBUFFER, words_.data());
  ::curl_easy_setopt(easy_.get(), CURLOPT_PRIVATE, this);
  speak_https(easy_.get(), settings_.ca_file);
  if (settings_.authorities) trust_store(easy_.get(), *settings_.authorities);
  ::curl_easy_setopt(easy_.get(), CURLOPT_FOLLOWLOCATION, 0L);
  ::curl_easy_setopt(easy_.get(), CURLOPT_CERTINFO, settings_.keep_certificate ? 1L : 0L);
  ::curl_easy_setopt(easy_.get(), CURLOPT_HEADERFUNCTION, &PageTransfer::receive_header);
  ::curl_easy_setopt(easy_.get(), CURLOPT_HEADERDATA, this);
  ::curl_easy_setopt(easy_.get(), CURLOPT_WRITEFUNCTION, &PageTransfer::receive);
  ::curl_easy_setopt(easy_.get(), CURLOPT_WRITEDATA, this);
  limit();
  connect_directly();
}

void PageTransfer::limit() {
  ::curl_easy_setopt(easy_.get(), CURLOPT_TIMEOUT_MS, at_least_one(settings_.total));
  ::curl_easy_setopt(easy_.get(), CURLOPT_CONNECTTIMEOUT_MS, at_least_one(settings_.connect));
}

// Connects to the caller's addresses, without proxies and resolvers. A policy host is visited once a day, so
// neither its connection nor its TLS session is worth keeping.
void PageTransfer::connect_directly() {
  ::curl_easy_setopt(easy_.get(), CURLOPT_PROXY, "");
  ::curl_easy_setopt(easy_.get(), CURLOPT_RESOLVER_START_FUNCTION, &refuse_to_resolve);
  // Entries of the name cache stay until give_addresses() removes them. With a timeout, an entry could expire
  // before it is used, and curl would look through all entries at the end of every transfer.
  ::curl_easy_setopt(easy_.get(), CURLOPT_DNS_CACHE_TIMEOUT, -1L);
  ::curl_easy_setopt(easy_.get(), CURLOPT_OPENSOCKETFUNCTION, &PageTransfer::open_socket);
  ::curl_easy_setopt(easy_.get(), CURLOPT_OPENSOCKETDATA, this);
  ::curl_easy_setopt(easy_.get(), CURLOPT_CLOSESOCKETFUNCTION, &PageTransfer::close_socket);
  ::curl_easy_setopt(easy_.get(), CURLOPT_CLOSESOCKETDATA, this);
  ::curl_easy_setopt(easy_.get(), CURLOPT_FRESH_CONNECT, 1L);
  ::curl_easy_setopt(easy_.get(), CURLOPT_FORBID_REUSE, 1L);
  ::curl_easy_setopt(easy_.get(), CURLOPT_SSL_SESSIONID_CACHE, 0L);
}

void PageTransfer::prepare(const PageRequest& request, MayVisit may_visit) {
  may_visit_ = std::move(may_visit);
  skipped_address_ = false;
  words_.front() = '\0';
  header_bytes_ = 0;
  body_.clear();
  stopped_.reset();
  const std::string url = fmt::format("https://{}:{}{}", request.host, settings_.port, request.path);
  ::curl_easy_setopt(easy_.get(), CURLOPT_URL, url.c_str());
  give_addresses(request);
}

void PageTransfer::give_addresses(const PageRequest& request) {
  const std::string last = "-" + std::exchange(name_, fmt::format("{}:{}", request.host, settings_.port));
  const std::string entry =
      fmt::format("{}:{}", name_, fmt::join(request.addresses | std::views::take(max_addresses), ","));
  names_.reset(last.size() > 1 ? ::curl_slist_append(nullptr, last.c_str()) : nullptr);
  // If memory is exhausted, the entry is missing, and the transfer fails because it has no address.
  curl_slist* both = ::curl_slist_append(names_.get(), entry.c_str());
  if (both != nullptr) {
    (void)names_.release();
    names_.reset(both);
  }
  ::curl_easy_setopt(easy_.get(), CURLOPT_RESOLVE, names_.get());
}

curl_socket_t PageTransfer::open_socket(void* transfer, curlsocktype, curl_sockaddr* address) noexcept {
  if (!static_cast<PageTransfer*>(transfer)->may_connect(address->addr)) return CURL_SOCKET_BAD;
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// The fetcher passes only public addresses to curl. This check just before curl connects makes sure of it.
bool PageTransfer::may_connect(const sockaddr& address) {
  if (!settings_.private_addresses && !is_public(address)) {
    stopped_ = not_public(address_text(address));
    return false;
  }
  if (may_visit_(block_of(address_text(address)).block)) return true;
  skipped_address_ = true;
  return false;
}

int PageTransfer::close_socket(void* transfer, curl_socket_t socket) noexcept {
  const auto& self = *static_cast<PageTransfer*>(transfer);
  curl_off_t connected = 0;  // microseconds until it was connected
  ::curl_easy_getinfo(self.easy(), CURLINFO_CONNECT_TIME_T, &connected);
  if (connected == 0) self.lost_.push_back(self.easy());
  return ::close(socket);
}

// A change of the pause state makes curl process the handle at once.
void PageTransfer::wake(CURL* easy) {
  ::curl_easy_pause(easy, CURLPAUSE_SEND);
  ::curl_easy_pause(easy, CURLPAUSE_CONT);
}

std::size_t PageTransfer::receive_header(char* bytes, std::size_t, std::size_t size,
                                         void* transfer) noexcept {
  return static_cast<PageTransfer*>(transfer)->take_header({bytes, size}) ? size : CURL_WRITEFUNC_ERROR;
}

std::size_t PageTransfer::receive(char* bytes, std::size_t, std::size_t size, void* transfer) noexcept {
  return static_cast<PageTransfer*>(transfer)->take({bytes, size}) ? size : CURL_WRITEFUNC_ERROR;
}

// False ends the transfer.
bool PageTransfer::take_header(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > header_limit) {
    stopped_ = Page{.error = FetchError::too_large,
                    .reason = fmt::format("headers of more than {} bytes", header_limit)};
    return false;
  }
  return !trim(line).empty() || take_end_of_headers();
}

// Stops the transfer if the answer is no page, or if it announces too large a page.
bool PageTransfer::take_end_of_headers() {
  const int status = status_of(easy_.get());
  if (status >= 100 && status < 200) return true;
  if (status != 200) {
    stopped_ = refused_status(status);
  } else if (is_over(settings_.bytes, header_of(easy_.get(), "Content-Length"))) {
    stopped_ = too_large();
  }
  return !stopped_;
}

// False ends the transfer.
bool PageTransfer::take(std::string_view piece) {
  if (piece.size() > settings_.bytes - body_.size()) {
    stopped_ = too_large();
    return false;
  }
  body_ += piece;
  return true;
}

Page PageTransfer::too_large() const {
  return {.error = FetchError::too_large, .reason = fmt::format("more than {} bytes", settings_.bytes)};
}

Page PageTransfer::conclude(CURLcode code) {
  Page page = judge(code).value_or(Page{});
  page.status = status_of(easy_.get());
  page.content_type = content_type_of(easy_.get());
  if (page.error == FetchError::none) page.body = std::move(body_);
  if (settings_.keep_certificate) page.certificate = certificate_of(easy_.get());
  return page;
}

// Returns nothing if there was no trouble.
std::optional<Page> PageTransfer::judge(CURLcode code) const {
  if (stopped_) return stopped_;
  if (code != CURLE_OK) return failed(code);
  if (const int status = status_of(easy_.get()); status != 200) return refused_status(status);
  const std::string coding = content_coding_of(easy_.get());
  if (coding.empty()) return std::nullopt;
  return Page{.error = FetchError::status,
              .reason = fmt::format("sent in the coding \"{}\", which was not asked for", coding)};
}

Page PageTransfer::refused_status(int status) const {
  if (status < 300 || status > 399)
    return {.error = FetchError::status, .reason = fmt::format("status {}", status)};
  const std::string location = printable(shown_location(header_of(easy_.get(), "Location")), location_limit);
  return {.error = FetchError::redirect,
          .reason = location.empty() ? fmt::format("status {}", status)
                                     : fmt::format("status {}, a redirect to {}", status, location)};
}

Page PageTransfer::failed(CURLcode code) const {
  const std::string reason = reason_of(code, words_);
  // We cannot know which of its addresses would have answered.
  if (skipped_address_ && is_connection_trouble(code)) {
    return {.error = FetchError::busy, .reason = "too much is being fetched from one of its addresses"};
  }
  if (is_certificate_trouble(code)) return {.error = FetchError::certificate, .reason = reason};
  if (code == curl_too_large) return {.error = FetchError::too_large, .reason = reason};
  switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
      return {.error = FetchError::address, .reason = "no address that can be connected to"};
    case CURLE_SSL_CONNECT_ERROR:
      return {.error = FetchError::tls, .reason = "the TLS handshake failed: " + reason};
    case CURLE_SSL_CACERT_BADFILE:
      return {.error = FetchError::tls, .reason = "the CA file cannot be used: " + reason};
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {.error = FetchError::status,
              .reason = "the server does not speak HTTP as it should: " + reason};
    case CURLE_OPERATION_TIMEDOUT:
      return {.error = FetchError::timeout, .reason = reason};
    default:
      return {.error = FetchError::connection, .reason = connection_reason(code)};
  }
}

// curl's message for a failed connection does not have the reason.
std::string PageTransfer::connection_reason(CURLcode code) const {
  long error = 0;
  ::curl_easy_getinfo(easy_.get(), CURLINFO_OS_ERRNO, &error);
  if (code == CURLE_COULDNT_CONNECT && error != 0) return errno_text(static_cast<int>(error));
  return reason_of(code, words_);
}

}  // namespace starttls::http
