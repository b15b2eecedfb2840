#include "session/failure.h"

#include "base/enum_words.h"

namespace starttls::session {
namespace {

using enum HandshakeFailure;

constexpr auto words = enum_words<HandshakeFailure>({
    {none, "none"},
    {unknown_ca, "unknown-ca"},
    {certificate_expired, "certificate-expired"},
    {bad_certificate, "bad-certificate"},
    {certificate_refused, "certificate-refused"},
    {no_shared_cipher, "no-shared-cipher"},
    {unsupported_protocol, "unsupported-protocol"},
    {not_tls, "not-tls"},
    {lost_connection, "lost-connection"},
    {disconnected, "disconnected"},
    {other, "other"},
});

// The words in journals and stores that were written before version 0.2.
constexpr auto former_words = enum_words<HandshakeFailure>({
    {bad_certificate, "certificate-name"},
    {unsupported_protocol, "old-protocol"},
    {lost_connection, "dropped"},
    {disconnected, "left"},
});

}  // namespace

std::string_view to_string(HandshakeFailure failure) {
  return words.word(failure);
}

Result<HandshakeFailure> parse_handshake_failure(std::string_view text) {
  if (const auto former = former_words.find(text)) return *former;
  return words.parse(text, "handshake failure");
}

}  // namespace starttls::session
