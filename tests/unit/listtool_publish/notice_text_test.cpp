#include "listtool/publish/notice_text.h"

#include "support.h"

using namespace starttls;
using namespace starttls::listtool::publish;
using namespace starttls::test;
using Catch::Matchers::ContainsSubstring;
using listing::Reason;

namespace {

NoticeText text_of(Reason reason, std::string evidence) {
  listtool::PublishSettings settings;
  settings.name = "sector";
  settings.url = "https://lists.example.net/";
  return notice_text({.domain = good(DomainName::parse("example.org")),
                      .time = at("2026-12-01T03:00:00Z"),
                      .evidence = std::move(evidence)},
                     reason, settings);
}

}  // namespace

TEST_CASE("the mail to an owner has the findings, or says that there is no consent any more") {
  const NoticeText fault = text_of(Reason::unsound, "certificate-name starttls");
  CHECK(fault.subject == "example.org: mail servers that follow the list 'sector' cannot deliver");
  CHECK_THAT(fault.body, ContainsSubstring("Since 2026-12-01T03:00:00Z they cannot do that.") &&
                             ContainsSubstring("\n    certificate-name starttls\n") &&
                             ContainsSubstring("their mail waits"));

  const NoticeText consent = text_of(Reason::consent_absent, "");
  CHECK(consent.subject == "example.org: consent to the list 'sector' is not found");
  CHECK_THAT(consent.body, ContainsSubstring("Since 2026-12-01T03:00:00Z there is no consent") &&
                               ContainsSubstring("_starttls-list.example.org") &&
                               !ContainsSubstring("\n\n\n") && !ContainsSubstring("mail waits") &&
                               !ContainsSubstring("was found:"));
  CHECK_THAT(text_of(Reason::consent_absent, "mta-sts-policy").body,
             ContainsSubstring("What else was found:\n\n    mta-sts-policy\n"));
}

TEST_CASE("what a mail to an owner quotes is printable, and no longer than it may be") {
  const std::string body = text_of(Reason::unsound, "mx: a\x1b[31m" + std::string(5'000, 'x')).body;
  CHECK_THAT(body, !ContainsSubstring("\x1b"));
  CHECK(body.size() < 3'000);
}
