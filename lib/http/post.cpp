#include "http/post.h"

#include <sys/socket.h>
#include <unistd.h>

#include <memory>

#include "base/public_address.h"
#include "base/text.h"
#include "base/try.h"
#include "http/curl_handle.h"
#include "http/url.h"

namespace starttls::http {
namespace {

using Fields = std::unique_ptr<curl_slist, decltype(&::curl_slist_free_all)>;

std::size_t drop(char*, std::size_t, std::size_t size, void*) noexcept {
  return size;
}

// Refuses addresses behind our own firewall. Then it stores the reason in what `was_refused` points to.
curl_socket_t open_public(void* was_refused, curlsocktype, curl_sockaddr* address) noexcept {
  if (!is_public(address->addr)) {
    *static_cast<bool*>(was_refused) = true;
    return CURL_SOCKET_BAD;
  }
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

// The part of the body that is not sent yet.
struct Upload {
  std::string_view rest;

  static std::size_t read(char* into, std::size_t, std::size_t size, void* upload) noexcept {
    auto& rest = static_cast<Upload*>(upload)->rest;
    const std::size_t given = rest.copy(into, size);
    rest.remove_prefix(given);
    return given;
  }
};

void limit(CURL* easy, std::chrono::milliseconds total, std::chrono::milliseconds connect) {
  ::curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, at_least_one(total));
  ::curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, at_least_one(connect));
  ::curl_easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
  ::curl_easy_setopt(easy, CURLOPT_PROXY, "");
  ::curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, &drop);
}

}  // namespace

Result<void> post(const Post& post) {
  TRY(is_https_url(post.url));
  const Easy easy = new_easy();
  if (!easy) return fail(Fault::internal, "libcurl cannot be started");
  ErrorBuffer words{};
  bool was_refused = false;
  speak_https(easy.get(), post.ca_file);
  limit(easy.get(), post.total, post.connect);
  const Fields fields(::curl_slist_append(nullptr, ("Content-Type: " + post.content_type).c_str()),
                      &::curl_slist_free_all);
  ::curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, words.data());
  ::curl_easy_setopt(easy.get(), CURLOPT_URL, post.url.c_str());
  ::curl_easy_setopt(easy.get(), CURLOPT_POST, 1L);
  // Its size is set separately.
  ::curl_easy_setopt(easy.get(), CURLOPT_POSTFIELDS,
                     post.body.data());  // NOLINT(bugprone-suspicious-stringview-data-usage)
  ::curl_easy_setopt(easy.get(), CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(post.body.size()));
  ::curl_easy_setopt(easy.get(), CURLOPT_HTTPHEADER, fields.get());
  ::curl_easy_setopt(easy.get(), CURLOPT_FOLLOWLOCATION, 0L);
  if (!post.private_addresses) {
    ::curl_easy_setopt(easy.get(), CURLOPT_OPENSOCKETFUNCTION, &open_public);
    ::curl_easy_setopt(easy.get(), CURLOPT_OPENSOCKETDATA, &was_refused);
  }
  const CURLcode code = ::curl_easy_perform(easy.get());
  const std::string place = shown(post.url);
  if (was_refused) return fail(Fault::data, "{}: its address is not on the public Internet", place);
  const int status = status_of(easy.get());
  if (code != CURLE_OK) {
    const Fault fault = is_certificate_trouble(code) ? Fault::data : Fault::temporary;
    return fail(fault, "{}: {}", place, reason_of(code, words));
  }
  if (status >= 200 && status < 300) return {};
  // RFC 8460 section 5.4 defines only success. A server that refuses permanently answers 4xx.
  const bool is_final = status >= 400 && status < 500 && !may_pass(status);
  return fail(is_final ? Fault::data : Fault::temporary, "{}: the server answers with status {}", place,
              status);
}

Result<void> submit(const Submission& submission) {
  const Easy easy = new_easy();
  if (!easy) return fail(Fault::internal, "libcurl cannot be started");
  ErrorBuffer words{};
  Upload upload{submission.message};
  limit(easy.get(), submission.total, submission.total);
  const Fields recipients(::curl_slist_append(nullptr, ("<" + submission.recipient + ">").c_str()),
                          &::curl_slist_free_all);
  ::curl_easy_setopt(easy.get(), CURLOPT_ERRORBUFFER, words.data());
  ::curl_easy_setopt(easy.get(), CURLOPT_PROTOCOLS_STR, "smtp");
  ::curl_easy_setopt(easy.get(), CURLOPT_NOSIGNAL, 1L);
  ::curl_easy_setopt(easy.get(), CURLOPT_URL, submission.url.c_str());
  ::curl_easy_setopt(easy.get(), CURLOPT_MAIL_FROM, ("<" + submission.sender + ">").c_str());
  ::curl_easy_setopt(easy.get(), CURLOPT_MAIL_RCPT, recipients.get());
  ::curl_easy_setopt(easy.get(), CURLOPT_UPLOAD, 1L);
  ::curl_easy_setopt(easy.get(), CURLOPT_READFUNCTION, &Upload::read);
  ::curl_easy_setopt(easy.get(), CURLOPT_READDATA, &upload);
  const CURLcode code = ::curl_easy_perform(easy.get());
  if (code == CURLE_OK) return {};
  const int reply = status_of(easy.get());
  const bool is_final = reply >= 500 && reply < 600;
  return fail(is_final ? Fault::data : Fault::temporary, "{}: {}{}", printable(submission.url, 200),
              reason_of(code, words), reply > 0 ? fmt::format(" (reply {})", reply) : "");
}

}  // namespace starttls::http
