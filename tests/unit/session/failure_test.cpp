#include "session/failure.h"

#include "support.h"

using namespace starttls;
using namespace starttls::session;
using namespace starttls::test;

TEST_CASE("the reason of a failed handshake has one word, which is read back") {
  using enum HandshakeFailure;
  for (const HandshakeFailure failure :
       {none, unknown_ca, certificate_expired, bad_certificate, certificate_refused, no_shared_cipher,
        unsupported_protocol, not_tls, lost_connection, disconnected, other}) {
    CAPTURE(to_string(failure));
    CHECK(!to_string(failure).empty());
    CHECK(good(parse_handshake_failure(to_string(failure))) == failure);
  }
}

TEST_CASE("the words of journals and stores from before version 0.2 are still read") {
  CHECK(good(parse_handshake_failure("certificate-name")) == HandshakeFailure::bad_certificate);
  CHECK(good(parse_handshake_failure("old-protocol")) == HandshakeFailure::unsupported_protocol);
  CHECK(good(parse_handshake_failure("dropped")) == HandshakeFailure::lost_connection);
  CHECK(good(parse_handshake_failure("left")) == HandshakeFailure::disconnected);
}

TEST_CASE("another word is no reason of a failed handshake") {
  CHECK(bad(parse_handshake_failure("Left")).fault == Fault::data);
  CHECK(bad(parse_handshake_failure("")).fault == Fault::data);
}
