#include "tlsrpt/explanation.h"

#include <set>

#include "support.h"

using namespace starttls;
using namespace starttls::tlsrpt;

namespace {

// RFC 8460 section 4.3.
constexpr const char* result_types[] = {"starttls-not-supported", "certificate-host-mismatch",
                                        "certificate-expired",    "certificate-not-trusted",
                                        "validation-failure",     "tlsa-invalid",
                                        "dnssec-invalid",         "dane-required",
                                        "sts-policy-fetch-error", "sts-policy-invalid",
                                        "sts-webpki-invalid"};

bool is_sentence(std::string_view text) {
  return text.size() > 20 && text.front() >= 'A' && text.front() <= 'Z' && text.back() == '.';
}

}  // namespace

TEST_CASE("each result type of RFC 8460 has a meaning, a cause and a remedy of its own") {
  std::set<std::string_view> meanings;
  std::set<std::string_view> remedies;
  for (const std::string_view type : result_types) {
    CAPTURE(type);
    const Explanation& explanation = explain_result_type(type);
    CHECK(&explanation != &explain_result_type("unknown"));
    CHECK(is_sentence(explanation.meaning));
    CHECK(is_sentence(explanation.cause));
    CHECK(is_sentence(explanation.remedy));
    meanings.insert(explanation.meaning);
    remedies.insert(explanation.remedy);
  }
  CHECK(meanings.size() == std::size(result_types));
  CHECK(remedies.size() == std::size(result_types));
}

TEST_CASE("result types are compared without case") {
  CHECK(&explain_result_type("CERTIFICATE-EXPIRED") == &explain_result_type("certificate-expired"));
}

TEST_CASE("an unknown result type is reported as unknown") {
  for (const std::string_view type : {"", "new-type", "certificate-expired "}) {
    CHECK(explain_result_type(type).meaning.contains("RFC 8460 does not have"));
  }
}
