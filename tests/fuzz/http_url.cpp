#include "fuzz.h"
#include "http/url.h"

using namespace starttls;

namespace {

// The names of a host, without those of a user, in a text that may be shown.
void check_shown(std::string_view shown) {
  const auto slashes = shown.find("//");
  if (slashes == std::string_view::npos) return;
  const std::string_view authority = shown.substr(slashes + 2);
  fuzz::require(!authority.substr(0, authority.find('/')).contains('@'));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto url = fuzz::text_of(bytes, size);
  check_shown(http::shown(url));
  check_shown(http::shown_location(url));
  check_shown(http::without_userinfo(url));
  const bool sound = http::is_https_url(url).has_value();
  fuzz::require(!http::file_name(url).contains('/'));
  const auto sibling = http::sibling_url(url, "keys.json");
  fuzz::require(sibling.has_value() == sound);
  if (sibling) {
    fuzz::require(sibling->substr(0, sibling->find('?')).ends_with("/keys.json"));
    // A control character in the path leaves none.
    const std::string name = http::file_name(*sibling);
    fuzz::require(name.empty() || name == "keys.json");
  }
  const auto signature = http::signature_url(url, ".minisig");
  if (!sound) fuzz::require(!signature);
  if (!signature) return 0;
  const std::string path = signature->substr(0, signature->find('?'));
  fuzz::require(path.starts_with("https://") && path.ends_with(".minisig"));
  fuzz::require(signature->find('#') == std::string::npos);
  return 0;
}
