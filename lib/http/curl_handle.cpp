#include "http/curl_handle.h"

#include <fmt/format.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>
#include <string_view>

#include "base/text.h"
#include "base/version.h"

namespace starttls::http {
namespace {

constexpr std::size_t shown_header_limit = 200;
constexpr std::size_t reason_limit = 300;

bool names_a_host(X509* certificate) {
  const std::unique_ptr<GENERAL_NAMES, decltype(&::GENERAL_NAMES_free)> names(
      static_cast<GENERAL_NAMES*>(::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      &::GENERAL_NAMES_free);
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const int type = sk_GENERAL_NAME_value(names.get(), i)->type;
    if (type == GEN_DNS || type == GEN_IPADD) return true;
  }
  return false;
}

// Where a certificate has no subjectAltName that names a host, libcurl takes the common name for one. RFC 8461 section
// 3.3 and RFC 9110 section 4.3.4 forbid that.
int require_subject_alt_name(int is_good, X509_STORE_CTX* chain) noexcept {
  if (is_good != 1 || ::X509_STORE_CTX_get_error_depth(chain) > 0) return is_good;
  if (names_a_host(::X509_STORE_CTX_get_current_cert(chain))) return 1;
  ::X509_STORE_CTX_set_error(chain, X509_V_ERR_HOSTNAME_MISMATCH);
  return 0;
}

// `store`: null where libcurl has filled one.
CURLcode prepare_context(CURL*, void* context, void* store) noexcept {
  auto* const tls = static_cast<SSL_CTX*>(context);
  if (store != nullptr) ::SSL_CTX_set1_cert_store(tls, static_cast<X509_STORE*>(store));
  ::SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, &require_subject_alt_name);
  return CURLE_OK;
}

}  // namespace

bool start_curl() {
  static std::once_flag once;
  static bool started = false;
  std::call_once(once, [] { started = ::curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK; });
  return started;
}

Easy new_easy() {
  return {start_curl() ? ::curl_easy_init() : nullptr, &::curl_easy_cleanup};
}

void trust(CURL* easy, const std::filesystem::path& ca_file) {
  ::curl_easy_setopt(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  ::curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L);
  ::curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L);
  ::curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, &prepare_context);
  if (!ca_file.empty()) ::curl_easy_setopt(easy, CURLOPT_CAINFO, ca_file.c_str());
  // If a directory of authorities is set, which is the default, curl 7.88 reads the whole bundle again for
  // every connection. Besides, a configured file must be the only source.
  const bool system_has_file = ::curl_version_info(CURLVERSION_NOW)->cainfo != nullptr;
  if (system_has_file || !ca_file.empty()) ::curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
}

void speak_https(CURL* easy, const std::filesystem::path& ca_file) {
  ::curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "https");
  ::curl_easy_setopt(easy, CURLOPT_REDIR_PROTOCOLS_STR, "https");
  // We get one or two files from each server, so HTTP/2 brings no advantage.
  ::curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  const std::string user_agent = fmt::format("starttls-toolkit/{}", version());
  ::curl_easy_setopt(easy, CURLOPT_USERAGENT, user_agent.c_str());
  ::curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  trust(easy, ca_file);
}

void trust_store(CURL* easy, x509_store_st& store) {
  ::curl_easy_setopt(easy, CURLOPT_CAINFO, nullptr);
  ::curl_easy_setopt(easy, CURLOPT_CAPATH, nullptr);
  ::curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, &store);
}

int status_of(CURL* easy) {
  long status = 0;
  ::curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
  return static_cast<int>(status);
}

bool may_pass(int status) {
  constexpr std::array passing{408, 425, 429};  // timeout, too early, too many requests
  return (status >= 500 && status < 600) || std::ranges::find(passing, status) != passing.end();
}

std::string header_of(CURL* easy, const char* name) {
  curl_header* field = nullptr;
  if (::curl_easy_header(easy, name, 0, CURLH_HEADER, -1, &field) != CURLHE_OK) return {};
  return field->value;
}

std::string content_type_of(CURL* easy) {
  return printable(header_of(easy, "Content-Type"), shown_header_limit);
}

std::string content_coding_of(CURL* easy) {
  const std::string coding = header_of(easy, "Content-Encoding");
  return to_lower(trim(coding)) == "identity" ? "" : printable(coding, shown_header_limit);
}

bool is_certificate_trouble(CURLcode code) {
  return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_ISSUER_ERROR;
}

std::string reason_of(CURLcode code, const ErrorBuffer& words) {
  const std::string_view text(words.data());
  return printable(text.empty() ? ::curl_easy_strerror(code) : text, reason_limit);
}

}  // namespace starttls::http
