#include "report/local_failures.h"

#include <set>

#include "support.h"

using namespace starttls::session;
using namespace starttls::report;
using starttls::session::HandshakeFailure;
using enum starttls::session::HandshakeFailure;

namespace {

constexpr HandshakeFailure all[] = {unknown_ca,       certificate_expired,
                                    bad_certificate,  certificate_refused,
                                    no_shared_cipher, unsupported_protocol,
                                    not_tls,          lost_connection,
                                    disconnected,     other};

}  // namespace

TEST_CASE("a failure of the log and the same failure of a report have one name") {
  CHECK(failure_name(bad_certificate) == "certificate-host-mismatch");
  CHECK(failure_name(unknown_ca) == "certificate-not-trusted");
  CHECK(failure_name(certificate_expired) == "certificate-expired");
  // A text that contains a result type only as a part is kept.
  CHECK(failure_name(unsupported_protocol) == "unsupported-protocol");
  CHECK(failure_name(certificate_refused) == "certificate-refused");
}

TEST_CASE("every failure of the log has a result type of RFC 8460") {
  const std::set<std::string_view> types{"certificate-host-mismatch", "certificate-not-trusted",
                                         "certificate-expired", "validation-failure"};
  for (const HandshakeFailure failure : all) CHECK(types.contains(result_type(failure)));
}

TEST_CASE("every failure of the log has a reason of its own for reports, with its name in front") {
  CHECK(failure_reason(not_tls) == "not-tls: the sending MTA sent something other than TLS after STARTTLS");
  CHECK(failure_reason(other) == "the TLS handshake failed");
  std::set<std::string> reasons;
  for (const HandshakeFailure failure : all) {
    CHECK(reasons.insert(failure_reason(failure)).second);
    if (failure != other) CHECK(failure_reason(failure).starts_with(fmt::format("{}: ", to_string(failure))));
  }
}

TEST_CASE("every failure of the log is explained, and not as a type that RFC 8460 does not have") {
  const auto& unknown = starttls::tlsrpt::explain_result_type("no-such-type");
  std::set<std::string_view> meanings;
  for (const HandshakeFailure failure : all) {
    const auto& explanation = explain_result_type(failure);
    CHECK(explanation.meaning != unknown.meaning);
    CHECK_FALSE(explanation.cause.empty());
    CHECK_FALSE(explanation.remedy.empty());
    CHECK(meanings.insert(explanation.meaning).second);
    CHECK(&explanation == &explain_failure(failure_name(failure)));
  }
}
