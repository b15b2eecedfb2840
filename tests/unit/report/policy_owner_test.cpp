#include "report/policy_owner.h"

#include "report/report_assembler.h"
#include "support.h"

using namespace starttls;
using namespace starttls::report;

namespace {

const std::set<std::string> org{"example.org"};

tlsrpt::PolicyResult about(const std::string& domain, const std::string& mx_host = "",
                           const std::string& failed_host = "") {
  tlsrpt::PolicyResult policy{.policy_type = "tlsa", .policy_domain = domain};
  if (!mx_host.empty()) policy.mx_hosts.push_back(mx_host);
  if (!failed_host.empty()) {
    tlsrpt::FailureDetail detail;
    detail.receiving_mx_hostname = failed_host;
    policy.failure_details.push_back(detail);
  }
  return policy;
}

OurDomains configured(const std::set<std::string>& domains) {
  return {.domains = domains, .mx_hosts = {}, .recording_hosts = {}};
}

PolicyOwner of(const std::string& domain, const OurDomains& ours, const ReportContext& report = {}) {
  return find_owner(about(domain), report, ours);
}

}  // namespace

TEST_CASE("a policy domain of ours, an MX host of it and a name below it are ours") {
  OurDomains ours = configured({"example.org", "example.net"});
  ours.mx_hosts.add("MX.Hoster.Example.", "example.org");
  ours.mx_hosts.add("mx.hoster.example", "example.net");
  ours.mx_hosts.add("*.pool.example", "example.net");
  ours.mx_hosts.add("mx.stranger.example", "stranger.example");
  CHECK(of("example.org", ours).by == OwnerRule::domain);
  CHECK(of("mx.hoster.example", ours).by == OwnerRule::mx_host);
  CHECK(of("mx.hoster.example", ours).domains == ours.domains);
  CHECK(of("a.pool.example", ours).domains == std::set<std::string>{"example.net"});
  CHECK(of("a.b.pool.example", ours).by == OwnerRule::other);
  CHECK(of("pool.example", ours).by == OwnerRule::other);
  CHECK(of("mx.stranger.example", ours).by == OwnerRule::other);
  CHECK(of("lists.example.org", ours).by == OwnerRule::subdomain);
  CHECK(of("lists.example.org", ours).domains == std::set<std::string>{"lists.example.org"});
  CHECK(of("notexample.org", ours).by == OwnerRule::other);
  CHECK(of("org", ours).by == OwnerRule::other);
  CHECK(of("", ours).by == OwnerRule::other);
}

TEST_CASE("without configured domains everything is ours") {
  CHECK(of("anything.example", configured({})).is_ours());
  CHECK(of("", configured({})).is_ours());
}

TEST_CASE("a host that records sessions is ours, for the domains of its mail") {
  OurDomains ours = configured({"example.org", "example.net"});
  store::SessionClass session{.receiving_mx = "in.hoster.example"};
  ours.add(session, {});
  CHECK(of("in.hoster.example", ours).domains == ours.domains);
  store::ClassCount count;
  count.recipient_domains["example.org"] = {};
  count.recipient_domains["stranger.example"] = {};
  ours.add(session, count);
  CHECK(of("in.hoster.example", ours).domains == org);
}

TEST_CASE("what the same reporter saw of our MX hosts in other reports decides") {
  const OurDomains ours = configured(org);
  SeenMxHosts seen(ours);
  tlsrptdb::ReportedPolicy other{.report = 1, .signer = {}, .report_domain = {}, .head = {}, .policy = {}};
  other.head.organization_name = "Sender";
  other.policy = {.policy_type = "sts",
                  .policy_strings = {"version: STSv1", "MX : mx.cloud.example"},
                  .policy_domain = "example.org"};
  seen.add(other);
  other.policy.policy_domain = "stranger.example";
  other.policy.policy_strings = {"mx: mx.evil.example"};
  seen.add(other);
  const ReportContext report{.report_domain = {}, .our_domains = {}, .seen_hosts = seen.find(other)};
  CHECK(of("mx.cloud.example", ours, report).domains == org);
  CHECK(of("mx.evil.example", ours, report).by == OwnerRule::other);
  other.head.organization_name = "Another";
  CHECK(seen.find(other) == nullptr);
}

TEST_CASE("a report is ours if TLS-Report-Domain or another policy in it is, in whatever order") {
  const OurDomains ours = configured(org);
  CHECK(of("", ours, {.report_domain = "example.org", .our_domains = {}}).by == OwnerRule::report_domain);
  CHECK(of("x.example", ours, {.report_domain = "example.org", .our_domains = {}}).domains == org);
  CHECK(of("x.example", ours, {.report_domain = "x.example", .our_domains = {}}).by == OwnerRule::other);
  const auto first = about("x.example");
  const auto second = about("example.org");
  const auto third = about("");
  const auto found = find_owners({&first, &second, &third}, ReportContext(), ours);
  CHECK(found[0].by == OwnerRule::same_report);
  CHECK(found[1].by == OwnerRule::domain);
  CHECK(found[2].by == OwnerRule::same_report);
  CHECK(found[0].domains == org);
  const auto strangers = find_owners({&first, &third}, ReportContext(), ours);
  CHECK_FALSE(strangers[0].is_ours());
  CHECK_FALSE(strangers[1].is_ours());
}

TEST_CASE("a policy without a domain is ours if it names an MX host of ours") {
  OurDomains ours = configured(org);
  ours.mx_hosts.add("mx.hoster.example", "example.org");
  CHECK(find_owner(about("", "MX.hoster.example."), {}, ours).by == OwnerRule::named_host);
  CHECK(find_owner(about("", "", "mx.hoster.example"), {}, ours).domains == org);
  CHECK(find_owner(about("", "mx.evil.example"), {}, ours).by == OwnerRule::other);
  CHECK(find_owner(about("x.example", "mx.hoster.example"), {}, ours).by == OwnerRule::other);
}

TEST_CASE("a label gives the reason why a policy is ours") {
  CHECK(policy_domain_label("example.org", {.by = OwnerRule::domain, .domains = org}) == "example.org");
  CHECK(policy_domain_label("mx.example.net", {.by = OwnerRule::mx_host, .domains = org}) ==
        "mx.example.net (an MX host of example.org)");
  CHECK(policy_domain_label("", {.by = OwnerRule::report_domain, .domains = org}) ==
        "(none given) (in a report about example.org)");
}

TEST_CASE("a report of many policies is passed on in parts, and each policy once") {
  const OurDomains ours = configured(org);
  std::size_t given = 0;
  std::size_t of_ours = 0;
  const ReportedSink take = [&](const Reported& reported) {
    ++given;
    of_ours += reported.owner.is_ours() ? 1U : 0U;
  };
  ReportAssembler reports(ours, nullptr, take);
  for (std::size_t number = 0; number < 2 * max_policies_at_once + 1; ++number) {
    reports.add({.report = 1,
                 .signer = {},
                 .report_domain = {},
                 .head = {},
                 .policy = about(number == 0 ? "example.org" : "x.example")});
  }
  reports.finish();
  CHECK(given == 2 * max_policies_at_once + 1);
  CHECK(of_ours == max_policies_at_once);
}
