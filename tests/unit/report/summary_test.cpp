#include "milter/report/summary_figures.h"
#include "milter/report/tables.h"
#include "support.h"

using namespace starttls;
using namespace starttls::milter;
using namespace starttls::test;
using store::DailyCounts;
using store::Session;

namespace {

DailyCounts example() {
  DailyCounts counts;
  const Session tls{.begin = at("2026-11-22T10:00:00Z"),
                    .receiving_mx = "mx1.example.test",
                    .client_address = "192.0.2.1",
                    .client_name = "mail.sender.test",
                    .helo = "h",
                    .tls_version = "TLSv1.3",
                    .cipher = "C",
                    .transactions = 3,
                    .messages = 3,
                    .recipient_domains = {{"example.test", 2}, {"example.org", 1}}};
  Session plain = tls;
  plain.begin = at("2026-11-23T10:00:00Z");
  plain.client_name.clear();
  plain.tls_version.clear();
  plain.cipher.clear();
  plain.messages = 1;
  plain.recipient_domains = {{"example.test", 1}};
  Session probe = plain;
  probe.transactions = 0;
  probe.messages = 0;
  probe.recipient_domains.clear();
  for (const Session& s : {tls, plain, probe}) add(counts, s);
  return counts;
}

GroupedFigures group(const DailyCounts& counts, Grouping by, const std::optional<std::string>& domain) {
  Groups groups(by, domain);
  for (const auto& [of, count] : counts) groups.add(of, count);
  return groups.figures();
}

std::vector<std::string> names(const GroupedFigures& groups) {
  std::vector<std::string> out;
  for (const auto& [name, figures] : groups) out.push_back(name);
  return out;
}

}  // namespace

TEST_CASE("sessions are grouped by what was asked for") {
  using Names = std::vector<std::string>;
  const DailyCounts counts = example();
  CHECK(names(group(counts, Grouping::protection, {})) == Names{"TLSv1.3", "no-mail", "plaintext"});
  CHECK(names(group(counts, Grouping::day, {})) == Names{"2026-11-22", "2026-11-23"});
  CHECK(names(group(counts, Grouping::domain, {})) == Names{"example.org", "example.test"});
  CHECK(names(group(counts, Grouping::sender, {})) == Names{"[192.0.2.1]", "mail.sender.test"});
  CHECK(names(group(counts, Grouping::mx, {})) == Names{"mx1.example.test"});
  CHECK(names(group(counts, Grouping::cipher, {})) == Names{"(no TLS)", "C"});
}

TEST_CASE("each session is counted once, but under each of its domains") {
  const DailyCounts counts = example();
  for (const Grouping by :
       {Grouping::protection, Grouping::day, Grouping::sender, Grouping::mx, Grouping::cipher}) {
    const Figures total = sum(group(counts, by, {}));
    CHECK(total.sessions == 3);
    CHECK(total.tls == 1);
    CHECK(total.plaintext == 1);
    CHECK(total.no_mail == 1);
    CHECK(total.messages == 4);
  }
  const auto domains = group(counts, Grouping::domain, {});
  CHECK(domains.at("example.test").sessions == 2);
  CHECK(domains.at("example.test").messages == 3);
  CHECK(domains.at("example.org").sessions == 1);
}

TEST_CASE("with a domain only its sessions and messages count") {
  const auto groups = group(example(), Grouping::protection, "example.test");
  CHECK(names(groups) == std::vector<std::string>{"TLSv1.3", "plaintext"});
  CHECK(groups.at("TLSv1.3").messages == 2);
}

TEST_CASE("an unknown grouping is none") {
  CHECK(parse_grouping("day") == Grouping::day);
  CHECK_FALSE(parse_grouping("colour"));
}

TEST_CASE("a table fits 80 columns, whatever the names, and cuts none that fits") {
  const std::string long_name(70, 'y');
  const std::string out = in_columns(
      Table{{"Name", "Sessions"}, {{std::string(200, 'x'), "1"}, {long_name, "2"}, {"short", "123456789"}}});
  std::istringstream lines(out);
  for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 80);
  CHECK(out.contains("xxx...\n"));
  CHECK(out.contains("\n" + long_name + "\n"));
  CHECK(in_columns(Table{{"A", "B"}, {{"x", "10"}}}) == "A   B\nx  10\n");
}

TEST_CASE("a cell of CSV is never a formula, and a quote in it does not end it") {
  CHECK(to_csv({{"Name", "N"}, {{"=cmd|' /c calc'!A1", "1"}, {"a \"b\", c", "2"}, {"-1", "3"}}}) ==
        "\"Name\",\"N\"\r\n\"'=cmd|' /c calc'!A1\",\"1\"\r\n\"a \"\"b\"\", c\",\"2\"\r\n\"'-1\",\"3\"\r\n");
}

TEST_CASE("a share of nothing is no number") {
  CHECK(percent(0, 0) == "-");
  CHECK(percent(2, 3) == "66.7%");
  CHECK(percent(3, 3) == "100.0%");
}

TEST_CASE("failed handshakes are told apart, by their reason") {
  DailyCounts counts = example();
  Session failed{.begin = at("2026-11-22T10:00:00Z"), .receiving_mx = "mx1.example.test", .helo = "h"};
  failed.failure = mtalog::HandshakeFailure::unknown_ca;
  add(counts, failed);
  add(counts, failed);
  failed.failure = mtalog::HandshakeFailure::dropped;
  add(counts, failed);
  const auto reasons = group(counts, Grouping::failure, std::nullopt);
  CHECK(names(reasons) == std::vector<std::string>{"dropped", "unknown-ca"});
  CHECK(reasons.at("unknown-ca").failed == 2);
  CHECK(sum(group(counts, Grouping::day, std::nullopt)).failed == 3);
  CHECK(group(counts, Grouping::protection, std::nullopt).at("failed").sessions == 3);
}
