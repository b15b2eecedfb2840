#include "listtool/sendmail/access.h"
#include "listtool/sendmail/mc.h"
#include "samples.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;
using sendmail::Written;

namespace {

constexpr sendmail::Rules early{.early_adopter = true};

preload::Entry enforced(std::string_view domain, std::string_view joined_mxs) {
  return {.domain = domain, .mode = preload::Mode::enforce, .joined_mxs = std::string(joined_mxs)};
}

preload::Entry tested(std::string_view domain, std::string_view joined_mxs) {
  return {.domain = domain, .mode = preload::Mode::testing, .joined_mxs = std::string(joined_mxs)};
}

const preload::Entry ended{.domain = "c.test", .mode = preload::Mode::none, .joined_mxs = ""};

std::string line_of(const preload::Entry& entry, const sendmail::Rules& rules = {}) {
  std::string line;
  sendmail::append_line(line, entry, rules);
  return line;
}

// The access map's lines of these entries.
std::string access_lines(const std::vector<preload::Entry>& entries, const sendmail::Rules& rules = {}) {
  const auto find = [&entries](std::string_view domain) -> std::optional<preload::Entry> {
    const auto found = std::ranges::find(entries, domain, &preload::Entry::domain);
    return found == entries.end() ? std::nullopt : std::optional(*found);
  };
  std::string lines;
  for (const auto& entry : entries) sendmail::append_access_line(lines, entry, rules, find);
  return lines;
}

std::size_t longest_line(const std::string& text) {
  std::istringstream lines(text);
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);) longest = std::max(longest, line.size());
  return longest;
}

// makemap reads the rest as the next line.
constexpr std::size_t makemap_reads = 1023;

}  // namespace

TEST_CASE("Sendmail gets its policies in the one form that it enforces") {
  CHECK(line_of(enforced("a.test", "mx.a.test:.b.test")) ==
        "a.test\tsecure match=mx.a.test:.b.test servername=hostname\n");
  CHECK(line_of(tested("a.test", "mx.a.test"), early) ==
        "a.test\tsecure match=mx.a.test servername=hostname\n");
}

TEST_CASE("a policy that Sendmail must not enforce is a comment") {
  CHECK(line_of(tested("a.test", "mx.a.test")) == "# a.test testing match=mx.a.test\n");
  CHECK(line_of(ended, early) == "# c.test none\n");
  // Without match= every MX host would be accepted.
  CHECK_FALSE(sendmail::policy_for(enforced("a.test", ""), {}));
}

TEST_CASE("patterns beyond the number that Sendmail compares are left out, not truncated") {
  const std::string most = std::string(sendmail::max_match_length - 5, 'x') + ".test";
  CHECK(sendmail::policy_for(enforced("a.test", most), {}));
  const std::string more = "x" + most;
  std::string line;
  CHECK(sendmail::append_line(line, enforced("a.test", more), {}) == Written::left_out);
  CHECK(line == "# a.test NOT ENFORCED: its MX patterns take 256 bytes, and Sendmail compares 255 at most\n");
  CHECK(line_of(tested("a.test", more)) == "# a.test testing\n");
  CHECK(line_of(tested("a.test", more), early) == line);
}

TEST_CASE("no line is longer than makemap reads, and no name adds a line") {
  const std::string domain(253, 'd');
  const std::string mxs(60'000, 'm');
  const std::string_view most = std::string_view(mxs).substr(0, sendmail::max_match_length);
  const std::vector<preload::Entry> entries{enforced(domain, mxs), tested(domain, mxs),
                                            enforced(domain, most)};
  for (const auto& entry : entries) CHECK(longest_line(line_of(entry)) <= makemap_reads);
  CHECK(longest_line(access_lines({enforced(domain, most)})) <= makemap_reads);

  std::vector<Source> sources;
  sources.push_back(source_of("x\nevil.test\tsecure match=evil.test" + std::string(5000, '\x01'), {}));
  for (const auto& head : {sendmail::head(sources, "/" + std::string(5000, 'p')),
                           sendmail::head(sources, "/" + std::string(399, 'p')),
                           sendmail::head(sources, "/x\nevil.test\ty"), sendmail::access_head(sources)}) {
    CHECK(longest_line(head) <= makemap_reads);
    CHECK(without_comments(head).empty());
  }
}

TEST_CASE("the head names the lists in the map and the lines for the .mc file") {
  std::vector<Source> sources;
  sources.push_back(source_of("one", {}));
  sources.back().facts.unusable = Error{.fault = Fault::data, .message = "it expired"};
  const std::string head = sendmail::head(sources, "/etc/mail/starttls");
  CHECK(head.find("# List one: of 2026-01-01T00:00:00Z, expires 2026-02-01T00:00:00Z, "
                  "signature not checked\n#   LEFT OUT: it expired\n#   from one.json\n") != head.npos);
  CHECK(head.find("makemap hash /etc/mail/starttls < /etc/mail/starttls\n") != head.npos);
  CHECK(head.find("\n#   FEATURE(`sts', `hash -T<TMPF> /etc/mail/starttls')dnl\n#   include(`/") !=
        head.npos);
  const std::string unnamed = sendmail::head(sources, "");
  CHECK(unnamed.find("starttls-listtool-generate(1)") != unnamed.npos);
  CHECK(unnamed.find("FEATURE(`sts', ") == unnamed.npos);
}

TEST_CASE("the .mc file gets no path that m4 or Sendmail would split") {
  CHECK(good(sendmail::mc_lines("/etc/mail/starttls", sendmail::MapType::text)) ==
        good(sendmail::mc_lines("/etc/mail/starttls", sendmail::MapType::hash)));
  CHECK(good(sendmail::mc_lines("/etc/mail/access", sendmail::MapType::access)) ==
        "FEATURE(`access_db', `hash -T<TMPF> /etc/mail/access')dnl\n");
  for (const char* path : {"", "starttls", "/etc/it's", "/etc/`x", "/etc/a b", "/etc/a,b", "/etc/a\nb",
                           "/etc/$x", "/etc/(x)", "/etc/\xC3\xA4"}) {
    CHECK(bad(sendmail::mc_lines(path, sendmail::MapType::hash)).fault == Fault::usage);
    CHECK(bad(sendmail::mc_lines(path, sendmail::MapType::access)).fault == Fault::usage);
  }
}

TEST_CASE("the access map names the one host of a domain, and nothing for other domains") {
  CHECK(access_lines({enforced("a.test", "mx.a.test")}) == "TLS_Rcpt:a.test\tTEMP+VERIFY:128+CN:mx.a.test\n");
  CHECK(access_lines({tested("a.test", "mx.a.test")}, early) ==
        "TLS_Rcpt:a.test\tTEMP+VERIFY:128+CN:mx.a.test\n");
  CHECK(access_lines({tested("a.test", "mx.a.test")}) == "# a.test testing\n");
  CHECK(access_lines({enforced("a.test", "mx1.a.test:mx2.a.test")}) ==
        "# a.test NOT ENFORCED: it has 2 MX patterns, and a rule can name only one host\n");
  CHECK(access_lines({enforced("a.test", ".a.test")}) ==
        "# a.test NOT ENFORCED: .a.test is a suffix, and a rule can only name a host\n");
}

TEST_CASE("a rule of the access map does not apply to a listed subdomain") {
  const auto above = enforced("a.test", "mx.a.test");
  const auto rule = "TLS_Rcpt:a.test\tTEMP+VERIFY:128+CN:mx.a.test\n";
  const auto taken_out = [](std::string_view domain) {
    return fmt::format("# so that the rule for a.test does not cover it:\nTLS_Rcpt:{}\tOK\n", domain);
  };
  CHECK(access_lines({above, enforced("b.a.test", "mx.b.test")}) ==
        rule + std::string("TLS_Rcpt:b.a.test\tTEMP+VERIFY:128+CN:mx.b.test\n"));
  CHECK(access_lines({above, tested("b.a.test", "mx.b.test")}) ==
        rule + std::string("# b.a.test testing\n") + taken_out("b.a.test"));
  CHECK(access_lines({above, enforced("x.b.a.test", ".b.test")}) ==
        rule +
            std::string("# x.b.a.test NOT ENFORCED: .b.test is a suffix, and a rule can only name a host\n") +
            taken_out("x.b.a.test"));
  // Once the nearest one above is excluded, no further exclusion is needed.
  CHECK(access_lines({above, tested("b.a.test", "mx.b.test"), tested("c.b.a.test", "mx.b.test")}) ==
        rule + std::string("# b.a.test testing\n") + taken_out("b.a.test") + "# c.b.a.test testing\n");
  CHECK(access_lines({tested("a.test", "mx.a.test"), tested("b.a.test", "mx.b.test")}) ==
        "# a.test testing\n# b.a.test testing\n");
}

TEST_CASE("the end of the map counts the entries by their result") {
  sendmail::Tally tally;
  for (const auto written : {Written::enforced, Written::commented, Written::commented, Written::left_out}) {
    tally.count(written);
  }
  CHECK(sendmail::end(tally, {}) ==
        "# End: 1 enforced, 2 only in comments, 1 NOT ENFORCED though a list demands it.\n");
  CHECK(sendmail::end({}, {}) == "# End: 0 enforced, 0 only in comments.\n");
  CHECK(sendmail::end(tally, early).find("1 enforced (testing counts as enforce)") != std::string::npos);
}
