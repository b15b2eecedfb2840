#include "report/summary_figures.h"
#include "report/tables.h"
#include "support.h"

using namespace starttls;
using namespace starttls::session;
using namespace starttls::report;
using namespace starttls::test;
using session::Session;
using store::DailyCounts;

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
  FigureGroups groups(by, domain);
  for (const auto& [of, count] : counts) groups.add(of, count);
  return groups.figures();
}

std::vector<std::string> names(const GroupedFigures& groups) {
  std::vector<std::string> out;
  for (const auto& [name, figures] : groups) out.push_back(name);
  return out;
}

}  // namespace

TEST_CASE("sessions are grouped as requested") {
  using Names = std::vector<std::string>;
  const DailyCounts counts = example();
  CHECK(names(group(counts, Grouping::protection, {})) == Names{"TLSv1.3", "no-mail", "plaintext"});
  CHECK(names(group(counts, Grouping::day, {})) == Names{"2026-11-22", "2026-11-23"});
  CHECK(names(group(counts, Grouping::domain, {})) == Names{"example.org", "example.test"});
  CHECK(names(group(counts, Grouping::host, {})) == Names{"[192.0.2.1]", "mail.sender.test"});
  CHECK(names(group(counts, Grouping::address, {})) == Names{"192.0.2.1"});
  CHECK(names(group(counts, Grouping::version, {})) == Names{"TLSv1.3"});
  CHECK(names(group(counts, Grouping::mx, {})) == Names{"mx1.example.test"});
  CHECK(names(group(counts, Grouping::cipher, {})) == Names{"(no TLS)", "C"});
}

TEST_CASE("each session is counted once, but under each of its domains") {
  const DailyCounts counts = example();
  for (const Grouping by : {Grouping::protection, Grouping::day, Grouping::host, Grouping::address,
                            Grouping::mx, Grouping::cipher}) {
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

TEST_CASE("a table fits the terminal, whatever the names, and truncates none that fits") {
  const std::string long_name(70, 'y');
  const Table table{{"Name", "Sessions"},
                    {{std::string(200, 'x'), "1"}, {long_name, "2"}, {"short", "123456789"}}};
  for (const std::size_t width : {20U, 40U, 80U, 100U, 250U}) {
    std::istringstream lines(to_columns(table, width));
    for (std::string line; std::getline(lines, line);) CHECK(line.size() <= width);
  }
  CHECK(to_columns(table, 80).contains("xxx...\n"));
  CHECK(to_columns(table, 80).contains("\n" + long_name + "\n"));
  CHECK(to_columns(table, 100).contains("\n" + long_name + " "));
  CHECK(to_columns(Table{{"A", "B"}, {{"x", "10"}}}, 80) == "A   B\nx  10\n");
}

TEST_CASE("without a terminal a row of a table is one complete line") {
  const std::string name(3'000, 'x');
  const std::string out =
      to_columns(Table{{"Name", "Sessions"}, {{name, "1"}, {"short", "2"}}}, std::nullopt);
  CHECK(std::ranges::count(out, '\n') == 3);
  CHECK(out.contains(name + "         1\n"));
}

TEST_CASE("figures that do not fit next to each other are below the name") {
  const Table table{{"Name", "Sessions", "Plaintext", "Messages"}, {{"sender.test", "12", "3", "45"}}};
  CHECK(to_columns(table, 30) == "sender.test\n  Sessions 12  Plaintext 3\n  Messages 45\n");
}

TEST_CASE("names that are not ASCII are aligned by their characters") {
  const Table table{{"Name", "N"}, {{"Universität", "1"}, {"Universitaet", "2"}}};
  CHECK(to_columns(table, 80) == "Name          N\nUniversität   1\nUniversitaet  2\n");
  const std::string cut = to_columns(Table{{"Name", "N"}, {{"ä" + std::string(90, 'x'), "1"}}}, 20);
  CHECK(cut.contains("äxxxxxxxxxxxxxxxx...\n"));
}

TEST_CASE("the width of the output is the terminal's, and COLUMNS has precedence") {
  CHECK(choose_width(true, "", 132) == 132U);
  CHECK(choose_width(true, "100", 132) == 100U);
  CHECK(choose_width(true, "", 0) == 80U);
  for (const char* const no_width : {"0", "-1", "wide", "80x", " 80", "5", "99999999999999999999"})
    CHECK(choose_width(true, no_width, 132) == 132U);
  CHECK(choose_width(false, "100", 132) == std::nullopt);
}

TEST_CASE("a cell of CSV is never a formula, and a quote in it does not end it") {
  CHECK(to_csv({{"Name", "N"}, {{"=cmd|' /c calc'!A1", "1"}, {"a \"b\", c", "2"}, {"-1", "3"}}}) ==
        "\"Name\",\"N\"\r\n\"'=cmd|' /c calc'!A1\",\"1\"\r\n\"a \"\"b\"\", c\",\"2\"\r\n\"'-1\",\"3\"\r\n");
}

TEST_CASE("a share of nothing is no number") {
  CHECK(percent(0, 0) == "-");
  CHECK(percent(2, 3) == "66.7%");
  CHECK(percent(3, 3) == "100.0%");
  CHECK(percent(0, 3) == "0.0%");
  CHECK(percent(1, 1'000'000) == "<0.1%");
  CHECK(percent(999'999, 1'000'000) == ">99.9%");
}

TEST_CASE("failed handshakes are distinguished by their reason") {
  DailyCounts counts = example();
  Session failed{.begin = at("2026-11-22T10:00:00Z"), .receiving_mx = "mx1.example.test", .helo = "h"};
  failed.failure = session::HandshakeFailure::unknown_ca;
  add(counts, failed);
  add(counts, failed);
  failed.failure = session::HandshakeFailure::lost_connection;
  add(counts, failed);
  const auto reasons = group(counts, Grouping::failure, std::nullopt);
  CHECK(names(reasons) == std::vector<std::string>{"lost-connection", "unknown-ca"});
  CHECK(reasons.at("unknown-ca").failed == 2);
  CHECK(sum(group(counts, Grouping::day, std::nullopt)).failed == 3);
  CHECK(group(counts, Grouping::protection, std::nullopt).at("failed").sessions == 3);
}
