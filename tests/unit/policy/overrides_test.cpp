#include "policy/overrides.h"

#include "support.h"

using namespace starttls;
using namespace starttls::policy;
using namespace starttls::test;

namespace {

// "domain mode mx:mx" of each entry, one on each line.
std::string entries(std::string_view text) {
  const preload::List list = good(read_overrides("own", text).list);
  std::string shown;
  for (std::size_t i = 0; i < list.size(); ++i) {
    shown += fmt::format("{} {} {}\n", list[i].domain, preload::to_string(list[i].mode), list[i].joined_mxs);
  }
  return shown;
}

// All findings, one on each line.
std::string faults(std::string_view text) {
  const OverrideReading reading = read_overrides("own", text);
  std::string shown;
  for (const auto& finding : reading.findings) shown += to_string(finding) + "\n";
  if (shown.empty()) FAIL("no fault where one was expected");
  const Error error = bad(reading.list);
  CHECK(error.fault == Fault::config);
  CHECK(error.message == "own:" + shown.substr(0, shown.find('\n')));
  return shown;
}

}  // namespace

TEST_CASE("overrides are a separate list, in the order of the domains") {
  CHECK(entries("example.org enforce mx1.example.org .example.net\n"
                "bakery.example none\n") ==
        "bakery.example none \n"
        "example.org enforce mx1.example.org:.example.net\n");
}

TEST_CASE("names are converted into the one form that is compared") {
  CHECK(entries("B\xc3\xbc"
                "cher.Example. enforce MX.Example.ORG.\n") ==
        "xn--bcher-kva.example enforce mx.example.org\n");
}

TEST_CASE("names in ASCII are used unchanged, whether or not they are A-labels") {
  CHECK(entries("xn--ls8h.la enforce mx.XN--ls8h.la .xn--a.test\nok.example enforce mx.ok.example\n") ==
        "ok.example enforce mx.ok.example\n"
        "xn--ls8h.la enforce mx.xn--ls8h.la:.xn--a.test\n");
}

TEST_CASE("an MX that is an address, the null MX or has empty labels is a fault, with the reason") {
  CHECK(faults("a.test enforce mx.a.test 192.0.2.1 [IPv6:2001:db8::25] mx.example.123 0x7f.1 . ..\n"
               ". none\n[192.0.2.1] none\n") ==
        "1:26: a.test: MX '192.0.2.1' is an address, not a name\n"
        "1:36: a.test: MX '[IPv6:2001:db8::25]' is an address, not a name\n"
        "1:56: a.test: MX 'mx.example.123' ends with a number, as an address does and no name\n"
        "1:71: a.test: MX '0x7f.1' ends with a number, as an address does and no name\n"
        "1:78: a.test: MX '.' is the null MX (RFC 7505), not an MX host\n"
        "1:80: a.test: MX '..' has an empty label\n"
        "2:1: .: '.' is the root of the DNS, not a name\n"
        "3:1: [192.0.2.1]: '[192.0.2.1]' is an address, not a name\n");
}

TEST_CASE("blank lines, comments, tabs, CRLF and a last line without an end are fine") {
  CHECK(entries("").empty());
  CHECK(entries("# nothing\r\n\r\n  \t\n #x").empty());
  CHECK(entries(
            "\ta.test\t none # because\r\nb.test  enforce  mx.b.test #x y\r\n\n#c.test none\nd.test none") ==
        "a.test none \nb.test enforce mx.b.test\nd.test none \n");
  CHECK(entries("a.test none\r") == "a.test none \n");
}

TEST_CASE("overrides never expire and are never from the future") {
  const preload::List list = good(read_overrides("own", "a.test none\n").list);
  CHECK(to_rfc3339(list.expires) == "9999-12-31T23:59:59Z");
  CHECK(preload::check_usable(list, at("1970-01-01T00:00:00Z")));
  CHECK(preload::check_usable(list, at("9999-12-31T23:59:58Z")));
}

TEST_CASE("an MX that is named twice counts once") {
  const preload::List list = good(read_overrides("own", "a.test enforce mx.a.test .b.test MX.A.test\n").list);
  CHECK(list.find("a.test")->joined_mxs == "mx.a.test:.b.test");
}

TEST_CASE("overrides have precedence over every list") {
  const preload::List below = good(read_overrides("below", "a.test enforce mx.a.test\nb.test none\n").list);
  const preload::List own = good(read_overrides("own", "a.test none\n").list);
  const std::vector<const preload::List*> lists{&below, &own};
  std::vector<std::size_t> from;
  preload::overlay(lists, [&](const preload::Entry&, std::size_t list) { from.push_back(list); });
  CHECK(from == std::vector<std::size_t>{1, 0});
}

TEST_CASE("every fault of the file is reported with its place, and each makes the file invalid") {
  CHECK(faults("good.test none\n"
               "  a..test enforce *.mx.test mx\n"
               "b.test enforce\n"
               "c.test none mx.c.test mx2.c.test\n"
               "d.test\n"
               "good.test enforce mx.test # again\n") ==
        "2:3: a..test: 'a..test' has an empty label\n"
        "2:19: a..test: MX '*.mx.test' is no pattern of this format; a suffix is written '.mx.test'\n"
        "2:29: a..test: MX 'mx' is a single label, which no MX host is called\n"
        "3:8: b.test: has mode 'enforce' and no MX host to enforce\n"
        "4:13: c.test: has mode 'none', which takes no MX host\n"
        "5:1: d.test: has no mode: 'enforce' and the MX hosts, or 'none'\n"
        "6:1: good.test: is on line 1 already\n");
}

TEST_CASE("a domain may occur once, in any spelling, also if its first entry is faulty") {
  CHECK(faults("a.test none\nA.Test. none\n") == "2:1: A.Test.: is on line 1 already\n");
  CHECK(faults("a.test nome\na.test none\n") ==
        "1:8: a.test: 'nome' is no mode: did you mean 'none'?\n2:1: a.test: is on line 1 already\n");
}

TEST_CASE("an unknown mode is reported with the most similar one") {
  CHECK(faults("a.test enforced mx.a.test\n") ==
        "1:8: a.test: 'enforced' is no mode: did you mean 'enforce'?\n");
  CHECK(faults("a.test NONE\n").find("'NONE' is no mode") != std::string::npos);
  CHECK(faults("a.test mx.a.test\n") == "1:8: a.test: 'mx.a.test' is no mode: it is 'enforce' or 'none'\n");
  CHECK(faults("a.test testing mx.a.test\n")
            .starts_with("1:8: a.test: 'testing' is for publishers: an override says what is to be done"));
}

TEST_CASE("a byte order mark is reported, and the text after it is still checked") {
  CHECK(faults("\xef\xbb\xbf"
               "a.test none\n") ==
        "1:1: the file begins with a byte order mark: save it as UTF-8 without one\n");
  CHECK(faults("\xef\xbb\xbf"
               "a.test\n")
            .find("\n1:4: a.test: has no mode") != std::string::npos);
}

TEST_CASE("a comment begins after a blank, not inside a word") {
  CHECK(faults("a.test#x none\n").starts_with("1:1: a.test#x: "));
  CHECK(faults("a.test none#x\n").find("'none#x' is no mode") != std::string::npos);
}

TEST_CASE("characters that could disturb a terminal or a map are in no name and are shown escaped") {
  for (const char* word :
       {"a\x1b[2J.test", "a\x01.test", "\xff.test", "a\rb.test", "a:b.test", "192.0.2.1"}) {
    CAPTURE(word);
    const std::string shown =
        faults(std::string(word) + " none\n") + faults("a.test enforce " + std::string(word));
    CHECK(shown.find_first_of("\x1b\x01\r\xff") == std::string::npos);
  }
}

TEST_CASE("there are at most 64 MX hosts, which fit a line at their full length") {
  const std::string label(63, 'a');
  std::string line = "a.test enforce";
  for (int i = 0; i < 64; ++i)
    line += fmt::format(" .{}.{}.{}.{}{:02}.test", label, label, label, label.substr(9), i);
  CHECK(good(read_overrides("own", line).list)[0].joined_mxs.size() == 64 * 254 + 63);
  CHECK(faults(line + " mx.test") ==
        fmt::format("1:{}: a.test: has more than 64 MX hosts\n", line.size() + 2));
}

TEST_CASE("a line or a file that is too long is reported, and other lines are still read") {
  const std::string long_comment = "#" + std::string(override_line_limit, 'x');
  CHECK(faults(long_comment + "\na.test\n") ==
        "1:20001: the line is longer than 20000 bytes\n2:1: a.test: has no mode: 'enforce' and the MX hosts, "
        "or 'none'\n");
  CHECK(entries("#" + long_comment.substr(2)).empty());

  std::string large;
  while (large.size() <= overrides_size_limit) large += "# filler\n";
  CHECK(faults(large) == "1:1: the file is longer than 1048576 bytes\n");
  CHECK(entries(large.substr(0, overrides_size_limit)).empty());
}

TEST_CASE("a file with very many faults is described up to a limit") {
  std::string text;
  for (int i = 0; i < 150'000; ++i) text += "a\n";
  const OverrideReading reading = read_overrides("own", text);
  CHECK(reading.findings.size() == Findings::max_size);
  CHECK(reading.suppressed == 2 * 150'000 - 1 - Findings::max_size);
  CHECK(bad(reading.list).message.starts_with("own:1:1: a: has no mode"));
}

TEST_CASE("overrides are read from a file, and an unreadable file is an error of the configuration") {
  const TemporaryFolder folder;
  write(folder / "overrides", "a.test none\n");
  CHECK(good(load_overrides(folder / "overrides").list).size() == 1);
  write(folder / "overrides", "a.test\n");
  CHECK(bad(load_overrides(folder / "overrides").list).message ==
        (folder / "overrides").string() + ":1:1: a.test: has no mode: 'enforce' and the MX hosts, or 'none'");
  write(folder / "overrides", std::string(overrides_size_limit + 1, '\n'));
  CHECK(bad(load_overrides(folder / "overrides").list).fault == Fault::config);
  CHECK(bad(load_overrides(folder / "missing").list).fault == Fault::config);
}

TEST_CASE("the example in the manual has no fault") {
  const std::string page = read(STARTTLS_MAN "/starttls-overrides.5");
  const auto start = page.find(".Bd -literal\n") + 13;
  CHECK(entries(page.substr(start, page.find("\n.Ed\n", start) - start)) ==
        "branch.example.com enforce mx1.example.com:mx2.example.com\n"
        "example.org none \n"
        "shop.example.net enforce .mail.example.net\n");
}
