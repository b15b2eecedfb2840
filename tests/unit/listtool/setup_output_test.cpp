#include "listtool/setup_output.h"

#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("a plan is numbered and wrapped, and says how long to wait") {
  const std::vector<publication::Step> steps{
      {.kind = publication::StepKind::records, .action = "Publish the records."},
      {.kind = publication::StepKind::mx,
       .wait = std::chrono::hours(48),
       .action = "Add mx2.example.org to the MX records.",
       .why = "Until then, senders may use the policy of before.",
       .source = "RFC 8461 section 8.1"}};
  CHECK(to_text(steps) ==
        "\n1.  Publish the records.\n"
        "\n2.  After at least 2 days: Add mx2.example.org to the MX records.\n"
        "    Until then, senders may use the policy of before. (RFC 8461 section 8.1)\n");
}

TEST_CASE("the hook is there only for a domain with keys") {
  const DomainName domain = *DomainName::parse("example.org");
  publication::Wanted wanted{
      .domain = domain, .mode = {}, .mx = {}, .max_age = {}, .rua = {}, .keys = {}, .policy_addresses = {}};
  const auto server = test::good(publication::WebServer::create(domain, "/srv/example.org"));
  const publication::Publication made{};
  CHECK(setup_files(wanted, made, server, "/srv/example.org").size() == 7);
  wanted.keys = {{.host = *DomainName::parse("mx.example.org"), .present = {}, .next = {}}};
  const auto files = setup_files(wanted, made, server, "/srv/example.org");
  REQUIRE(files.size() == 8);
  CHECK(files.front().name == "plan.txt");
  CHECK(files.back().name == "tlsa-hook");
  CHECK(files.back().mode == 0755);
  CHECK_THAT(files.back().content, ContainsSubstring("mx.example.org=\"$installed/fullchain.pem\""));
}
