#include "http/imap_connection.h"

#include <curl/curl.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/file.h"
#include "base/try.h"
#include "http/curl_handle.h"

namespace starttls::http {
namespace {

using std::chrono::milliseconds;

// Without it, libcurl would write what it gets to standard output.
std::size_t drop(char*, std::size_t, std::size_t size, void*) noexcept {
  return size;
}

std::unexpected<Error> failed(CURLcode code, const ErrorBuffer& words) {
  const std::string reason = reason_of(code, words);
  if (is_certificate_trouble(code)) {
    return fail(
        Fault::unavailable,
        "the server's certificate cannot be trusted, so no password was sent; either the server is set up "
        "wrongly, or there is an attack: {}",
        reason);
  }
  switch (code) {
    case CURLE_LOGIN_DENIED:
      return fail(Fault::permission, "the server denies the login");
    case CURLE_SSL_CACERT_BADFILE:
      return fail(Fault::config, "the CA file cannot be used: {}", reason);
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
      return fail(Fault::internal, "libcurl failed: {}", reason);
    default:
      return fail(Fault::temporary, "{}", reason);
  }
}

}  // namespace

Result<ImapConnection> ImapConnection::open(const ImapLogin& login) {
  const auto end = Steady::now() + login.total;
  Easy easy = new_easy();
  if (!easy) return fail(Fault::internal, "libcurl cannot be started");
  ErrorBuffer words{};
  const std::string url = fmt::format("imaps://{}:{}/", login.host, login.port);
  ::curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, words.data());
  ::curl_easy_setopt(easy.get(), CURLOPT_PROTOCOLS_STR, "imaps");
  ::curl_easy_setopt(easy.get(), CURLOPT_URL, url.c_str());
  ::curl_easy_setopt(easy.get(), CURLOPT_USERNAME, login.user.c_str());
  ::curl_easy_setopt(easy.get(), CURLOPT_PASSWORD, login.password.c_str());
  ::curl_easy_setopt(easy.get(), CURLOPT_PROXY, "");
  ::curl_easy_setopt(easy.get(), CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(easy.get(), CURLOPT_QUICK_EXIT, 1L);
  ::curl_easy_setopt(easy.get(), CURLOPT_CONNECTTIMEOUT_MS, at_least_one(login.connect));
  ::curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT_MS, at_least_one(login.connect));
  trust(easy.get(), login.ca_file);
  ::curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, &drop);
  ::curl_easy_setopt(easy.get(), CURLOPT_CONNECT_ONLY, 1L);
  const CURLcode code = ::curl_easy_perform(easy.get());
  if (code != CURLE_OK) return failed(code, words);
  ::curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, nullptr);
  return ImapConnection({easy.release(), &::curl_easy_cleanup}, login.idle, end);
}

// For the socket to be ready, within the limits.
Result<void> ImapConnection::wait(short events) {
  curl_socket_t socket = CURL_SOCKET_BAD;
  if (::curl_easy_getinfo(easy_.get(), CURLINFO_ACTIVESOCKET, &socket) != CURLE_OK ||
      socket == CURL_SOCKET_BAD)
    return fail(Fault::temporary, "the connection is closed");
  const auto left = std::chrono::duration_cast<milliseconds>(end_ - Steady::now());
  if (left <= milliseconds(0))
    return fail(Fault::temporary, "too slow: the time for the whole mailbox is over");
  pollfd ready{.fd = socket, .events = events, .revents = 0};
  const int count = ::poll(&ready, 1, static_cast<int>(std::min(left, idle_).count()));
  if (count < 0 && errno != EINTR) return fail(Fault::temporary, "poll: {}", errno_text(errno));
  if (count == 0) return fail(Fault::temporary, "too slow: the server does not answer");
  return {};
}

Result<void> ImapConnection::send(std::string_view bytes) {
  while (!bytes.empty()) {
    std::size_t sent = 0;
    const CURLcode code = ::curl_easy_send(easy_.get(), bytes.data(), bytes.size(), &sent);
    if (code == CURLE_AGAIN) {
      TRY(wait(POLLOUT));
      continue;
    }
    if (code != CURLE_OK)
      return fail(Fault::temporary, "the connection broke: {}", ::curl_easy_strerror(code));
    bytes.remove_prefix(sent);
  }
  return {};
}

Result<std::size_t> ImapConnection::receive(std::span<char> into) {
  while (true) {
    std::size_t got = 0;
    const CURLcode code = ::curl_easy_recv(easy_.get(), into.data(), into.size(), &got);
    if (code == CURLE_OK && got > 0) return got;
    if (code == CURLE_OK) return fail(Fault::temporary, "the server closed the connection");
    if (code != CURLE_AGAIN)
      return fail(Fault::temporary, "the connection broke: {}", ::curl_easy_strerror(code));
    TRY(wait(POLLIN));
  }
}

}  // namespace starttls::http
