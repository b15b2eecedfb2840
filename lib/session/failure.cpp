#include "session/failure.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace starttls::session {
namespace {

using enum HandshakeFailure;

constexpr std::array<std::pair<std::string_view, HandshakeFailure>, 11> words{{
    {"none", none},
    {"unknown-ca", unknown_ca},
    {"certificate-expired", certificate_expired},
    {"certificate-name", bad_certificate},
    {"certificate-refused", certificate_refused},
    {"no-shared-cipher", no_shared_cipher},
    {"old-protocol", unsupported_protocol},
    {"not-tls", not_tls},
    {"dropped", lost_connection},
    {"left", disconnected},
    {"other", other},
}};

}  // namespace

std::string_view to_string(HandshakeFailure failure) {
  for (const auto& [word, known] : words) {
    if (known == failure) return word;
  }
  std::unreachable();
}

Result<HandshakeFailure> parse_handshake_failure(std::string_view text) {
  for (const auto& [word, known] : words) {
    if (word == text) return known;
  }
  return fail(Fault::data, "'{}' is no failure of a handshake", printable(text));
}

}  // namespace starttls::session
