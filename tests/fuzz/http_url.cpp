#include "fuzz.h"
#include "http/url.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto url = fuzz::text_of(bytes, size);
  const std::string shown = http::shown(url);
  const auto host = shown.find("://");
  if (host != std::string::npos) {
    fuzz::require(shown.substr(host + 3, shown.find('/', host + 3) - host - 3).find('@') ==
                  std::string::npos);
  }
  const bool sound = http::is_https_url(url).has_value();
  const auto signature = http::signature_url(url, ".minisig");
  if (!sound) fuzz::require(!signature);
  if (!signature) return 0;
  const std::string path = signature->substr(0, signature->find('?'));
  fuzz::require(path.starts_with("https://") && path.ends_with(".minisig"));
  fuzz::require(signature->find('#') == std::string::npos);
  return 0;
}
