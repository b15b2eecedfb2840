#include "http/url.h"

#include <curl/curl.h>

#include <algorithm>
#include <memory>

#include "base/text.h"
#include "base/try.h"

namespace starttls::http {
namespace {

using Handle = std::unique_ptr<CURLU, decltype(&::curl_url_cleanup)>;

// The parts of a URL. curl's URL functions work without curl_global_init(3).
class Parts {
 public:
  explicit Parts(std::string_view url)
      : handle_(::curl_url(), &::curl_url_cleanup),
        error_(::curl_url_set(handle_.get(), CURLUPART_URL, std::string(url).c_str(),
                              CURLU_NON_SUPPORT_SCHEME)) {}

  CURLUcode error() const { return error_; }

  // Returns "" if the URL has no such part.
  std::string get(CURLUPart part, unsigned flags = 0) const {
    char* text = nullptr;
    if (::curl_url_get(handle_.get(), part, &text, flags) != CURLUE_OK) return {};
    const std::unique_ptr<char, decltype(&::curl_free)> owner(text, &::curl_free);
    return text;
  }

  bool set(CURLUPart part, const char* text) {
    return ::curl_url_set(handle_.get(), part, text, 0) == CURLUE_OK;
  }

  void drop_userinfo() {
    for (const CURLUPart part : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS}) set(part, nullptr);
  }

 private:
  Handle handle_;
  CURLUcode error_;
};

bool is_visible_ascii(char c) {
  return c > ' ' && c < '\x7f';
}

// The URL with that path, and without a fragment.
Result<std::string> with_path(Parts& parts, std::string_view url, const std::string& path) {
  if (parts.set(CURLUPART_PATH, path.c_str()) && parts.set(CURLUPART_FRAGMENT, nullptr))
    return parts.get(CURLUPART_URL);
  return fail(Fault::internal, "{}: cannot change the path to {}", shown(url), printable(path));
}

}  // namespace

Result<void> is_https_url(std::string_view text) {
  const auto refuse = [](std::string_view reason) {
    return fail(Fault::config, "not an https URL: {}", reason);
  };
  if (text.empty()) return refuse("it is empty");
  if (text.size() > url_size_limit) return refuse(fmt::format("longer than {} bytes", url_size_limit));
  if (!std::ranges::all_of(text, is_visible_ascii)) {
    return refuse("it holds a blank, a control character or a character outside ASCII");
  }
  if (!to_lower(text.substr(0, 8)).starts_with("https://")) return refuse("it does not begin with https://");
  // curl takes a third slash for a mistake and ignores it.
  if (text.substr(8, 1) == "/") return refuse("it has no host");
  const Parts parts(text);
  if (parts.error() != CURLUE_OK) return refuse(::curl_url_strerror(parts.error()));
  if (parts.get(CURLUPART_HOST).empty()) return refuse("it has no host");
  return {};
}

Result<std::string> signature_url(std::string_view url, std::string_view suffix) {
  TRY(is_https_url(url));
  Parts parts(url);
  const std::string path = parts.get(CURLUPART_PATH);
  if (path.empty() || path.ends_with('/')) {
    return fail(Fault::config, "{}: the path names no file, so the signature's own URL must be given",
                shown(url));
  }
  return with_path(parts, url, path + std::string(suffix));
}

Result<std::string> sibling_url(std::string_view url, std::string_view name) {
  TRY(is_https_url(url));
  Parts parts(url);
  const std::string path = parts.get(CURLUPART_PATH);
  return with_path(parts, url, path.substr(0, path.rfind('/') + 1) + std::string(name));
}

std::string file_name(std::string_view url) {
  const Parts parts(url);
  if (parts.error() != CURLUE_OK) return {};
  // curl refuses to decode a control character. No file's name should have one.
  const std::string path = parts.get(CURLUPART_PATH, CURLU_URLDECODE);
  return path.substr(path.rfind('/') + 1);
}

std::string shown(std::string_view url) {
  Parts parts(url);
  if (parts.error() != CURLUE_OK) return "(no URL)";
  parts.drop_userinfo();
  parts.set(CURLUPART_QUERY, nullptr);
  parts.set(CURLUPART_FRAGMENT, nullptr);
  const std::string text = parts.get(CURLUPART_URL);
  return text.empty() ? "(no URL)" : printable(text);
}

std::string shown_location(std::string_view location) {
  std::string text(location.substr(0, location.find_first_of("?#")));
  const auto slashes = text.find("//");
  if (slashes != std::string::npos) {
    const auto authority = slashes + 2;
    const auto at = text.substr(0, text.find('/', authority)).rfind('@');
    if (at != std::string::npos && at >= authority) text.erase(authority, at + 1 - authority);
  }
  return text;
}

std::string without_userinfo(std::string_view url) {
  Parts parts(url);
  if (parts.error() != CURLUE_OK) return {};
  parts.drop_userinfo();
  return parts.get(CURLUPART_URL);
}

}  // namespace starttls::http
