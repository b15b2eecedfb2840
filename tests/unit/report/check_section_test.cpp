// The part of the page about the domains of `check --watch`.

#include <chrono>

#include "report/page_sections.h"
#include "support.h"

using namespace starttls;
using namespace starttls::report;
using checkdb::KnownDomain;
using examination::Level;
using examination::Outcome;
using examination::Sender;
using starttls::test::at;
using starttls::test::good;

namespace {

const Time now = at("2026-11-28T12:00:00Z");

PageContent page(const std::vector<std::pair<const char*, KnownDomain>>& domains) {
  PageContent content{.created = now};
  content.checked.emplace();
  for (const auto& [name, known] : domains) content.checked->emplace(good(DomainName::parse(name)), known);
  return content;
}

KnownDomain sound() {
  return {.examined = now - std::chrono::hours(7),
          .outcomes = {{Sender::mta_sts, Outcome::delivers},
                       {Sender::dane, Outcome::delivers},
                       {Sender::opportunistic, Outcome::can_be_stripped}}};
}

KnownDomain broken() {
  KnownDomain known = sound();
  known.outcomes[0].outcome = Outcome::defers;
  known.findings = {{.code = "certificate-name", .subject = "mx.b.example[192.0.2.1]", .level = Level::fault},
                    {.code = "tls-suite", .subject = "mx.b.example[192.0.2.1]", .is_gone = true},
                    {.code = "tlsrpt-record", .subject = "b.example"}};
  return known;
}

}  // namespace

TEST_CASE("a page without watched domains has no section about them") {
  CHECK(check_section(PageContent{}).empty());
  CHECK(check_section(page({})).empty());
}

TEST_CASE("each watched domain has its last verdicts, the worst first") {
  const std::string html = check_section(page({{"a.example", sound()}, {"b.example", broken()}}));
  CHECK(html.find("b.<wbr>example") < html.find("a.<wbr>example"));
  CHECK(html.contains("<li>A sender with MTA-STS defers the mail</li>"));
  CHECK(html.contains("<li>One with DANE delivers over authenticated TLS</li>"));
  CHECK(html.contains("<time>2026-11-28</time>"));
  CHECK(html.contains("fault: certificate-name"));
  CHECK(html.contains("data-label=\"Domain\">b.<wbr>example</td>"));
  CHECK(html.contains("data-label=\"Where\">mx.<wbr>b.<wbr>example[192.<wbr>0.<wbr>2.<wbr>1]</td>"));
  CHECK(html.contains("data-label=\"What is looked at\">Whether the certificate is for the name"));
  CHECK(html.find("certificate-name") < html.find("tlsrpt-record"));
  CHECK_FALSE(html.contains("tls-suite"));  // it was not found the last time
  CHECK_FALSE(html.contains("No domain was examined since"));
}

TEST_CASE("a list is named where one applies") {
  CHECK_FALSE(check_section(page({{"a.example", sound()}})).contains("One with the list"));
  KnownDomain listed = sound();
  listed.outcomes.push_back({Sender::list, Outcome::defers});
  CHECK(check_section(page({{"a.example", listed}}))
            .contains("<li>One with the list or override defers the mail</li>"));
}

TEST_CASE("what is not found out, and what is old, is said") {
  KnownDomain unknown = sound();
  unknown.unknown_since = at("2026-11-20T05:00:00Z");
  CHECK(check_section(page({{"a.example", unknown}}))
            .contains("<time>2026-11-28</time>, not in full since <time>2026-11-20</time>"));
  KnownDomain old = sound();
  old.examined = now - std::chrono::days(3);
  CHECK(check_section(page({{"a.example", old}}))
            .contains("No domain was examined since <time>2026-11-25</time>"));
  CHECK_FALSE(
      check_section(page({{"a.example", old}, {"b.example", sound()}})).contains("No domain was examined"));
}

TEST_CASE("what the file has is only text") {
  KnownDomain hostile = sound();
  hostile.findings = {{.code = "<b>", .subject = "<script>\x1b", .level = Level::fault}};
  const std::string html = check_section(page({{"a.example", hostile}}));
  CHECK_FALSE(html.contains("<script>"));
  CHECK_FALSE(html.contains("<b>"));
  CHECK_FALSE(html.contains('\x1b'));
  PageContent unreadable{.created = now, .why_not_checked = "/x/<script>:2: 'hello' is no level"};
  CHECK(check_section(unreadable).contains("/x/&lt;script&gt;:2: &#39;hello&#39; is no level"));
}

TEST_CASE("of many domains and findings the page shows some, and says how many there are") {
  PageContent content{.created = now};
  content.checked.emplace();
  for (int number = 0; number < 300; ++number)
    content.checked->emplace(good(DomainName::parse(fmt::format("d{}.example", number))), broken());
  const std::string html = check_section(content);
  CHECK(html.contains("The next 90 of 300 domains"));
  CHECK(html.contains("The next 90 of 600 findings"));
}
