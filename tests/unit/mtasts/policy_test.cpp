#include "mtasts/policy.h"

#include "support.h"

using namespace starttls;
using namespace starttls::mtasts;
using namespace starttls::test;

namespace {

// "enforce mx.a.test,*.b.test 604800", or "none in force".
std::string shown(const PolicyReading& reading) {
  if (!reading.policy) return "none in force";
  std::string mxs;
  for (const MxPattern& pattern : reading.policy->mx) mxs += (mxs.empty() ? "" : ",") + pattern.str();
  return fmt::format("{} {} {}", to_string(reading.policy->mode), mxs, reading.policy->max_age.count());
}

std::string told(const PolicyReading& reading) {
  std::string text;
  for (const Finding& finding : reading.findings) {
    const char* word = finding.severity == Severity::note    ? "note"
                       : finding.severity == Severity::fault ? "fault"
                                                             : "refused";
    text += fmt::format("{} {}\n", word, to_string(finding));
  }
  return text;
}

struct Verdict {
  std::string why;  // why this is the right verdict
  std::string text;
  std::string in_force;
  std::string told;
};

void check(const std::vector<Verdict>& verdicts) {
  for (const Verdict& verdict : verdicts) {
    CAPTURE(verdict.why, verdict.text);
    const auto reading = read_policy(verdict.text);
    CHECK(shown(reading) == verdict.in_force);
    CHECK(told(reading) == verdict.told);
  }
}

const std::string sound = "version: STSv1\nmode: enforce\nmx: mx.a.test\nmax_age: 604800\n";
const std::string enforced = "enforce mx.a.test 604800";

// The valid policy with the line that begins so replaced, or removed.
std::string with(const std::string& line, const std::string& replacement) {
  std::string text = sound;
  const auto begin = text.find(line);
  return text.replace(begin, text.find('\n', begin) + 1 - begin, replacement);
}

}  // namespace

TEST_CASE("a policy that follows the standard is in force, and has no findings") {
  check({
      {"as in the standard's example", sound, enforced, ""},
      {"lines may end in CRLF", "version: STSv1\r\nmode: enforce\r\nmx: mx.a.test\r\nmax_age: 604800\r\n",
       enforced, ""},
      {"and in both", "version: STSv1\r\nmode: enforce\nmx: mx.a.test\r\nmax_age: 604800\n", enforced, ""},
      {"the last newline is optional", sound.substr(0, sound.size() - 1), enforced, ""},
      {"blanks may trail", "version: STSv1 \nmode: enforce\t\nmx: mx.a.test  \r\nmax_age: 604800 ", enforced,
       ""},
      {"blanks after ':' are as many as one likes",
       "version:STSv1\nmode:\tenforce\nmx:mx.a.test\nmax_age:604800", enforced, ""},
      {"fields come in any order", "max_age: 604800\nmx: mx.a.test\nmode: enforce\nversion: STSv1\n",
       enforced, ""},
      {"several mx, wildcards among them", with("mx", "mx: mx.a.test\nmx: *.b.test\n"),
       "enforce mx.a.test,*.b.test 604800", ""},
      {"host names are the same in upper case", with("mx", "mx: MX.A.Test\n"), enforced, ""},
      {"mode none needs no mx: there is nothing to match", "version: STSv1\nmode: none\nmax_age: 86400\n",
       "none  86400", ""},
      {"but may have some", with("mode", "mode: none\n"), "none mx.a.test 604800", ""},
      {"mode testing", with("mode", "mode: testing\n"), "testing mx.a.test 604800", ""},
      {"the longest max_age", with("max_age", "max_age: 31557600\n"), "enforce mx.a.test 31557600", ""},
  });
}

TEST_CASE("a legal but unusual policy causes a note") {
  check({
      {"unknown fields are ignored", sound + "contact: a b c=\xc3\xbc;\n", enforced,
       "note 5:1: contact: is unknown and is ignored\n"},
      {"one that looks like another may be meant", sound + "max-age: 1\n", enforced,
       "note 5:1: max-age: is unknown and is ignored; meant is 'max_age'?\n"},
      {"an mx twice is one", with("mx", "mx: mx.a.test\nmx: mx.a.TEST\n"), enforced,
       "note 4:5: mx: 'mx.a.test' is there twice\n"},
      {"a whole top-level domain is much", with("mx", "mx: *.test\n"), "enforce *.test 604800",
       "note 3:5: mx: '*.test' covers a whole top-level domain\n"},
      {"a policy that is gone before the daily look", with("max_age", "max_age: 3600\n"),
       "enforce mx.a.test 3600",
       "note 1:1: max_age 3600 is less than a day: senders that look daily forget the policy\n"},
      {"which is what one wants of none", "version: STSv1\nmode: none\nmax_age: 0", "none  0", ""},
  });
}

TEST_CASE("names in ASCII are used unchanged, whether or not they are A-labels") {
  check({
      {"a hoster's name after a customer's domain in U-labels",
       with("mx", "mx: xn--mller-kva-de.mail.protection.outlook.com\nmx: *.XN--LS8H.la\nmx: xn--a.test\n"),
       "enforce xn--mller-kva-de.mail.protection.outlook.com,*.xn--ls8h.la,xn--a.test 604800", ""},
  });
}

TEST_CASE("an error with only one possible meaning is a fault, and the policy stays in force") {
  check({
      {"an empty line inside says nothing", with("mode", "\nmode: enforce\n"), enforced,
       "fault 2:1: an empty line, which a policy must not have\n"},
      {"nor does one of blanks, or one at the end", sound + " \r\n\n", enforced,
       "fault 5:1: an empty line, which a policy must not have\n"
       "fault 6:1: an empty line, which a policy must not have\n"},
      {"nor does a byte order mark", "\xEF\xBB\xBF" + sound, enforced,
       "fault 1:1: begins with a byte order mark\n"},
      {"columns count its bytes", "\xEF\xBB\xBFversion: STSv1\n\xEF\xBB\xBFmode: enforce\n", "none in force",
       "fault 1:1: begins with a byte order mark\n"
       "refused 1:1: has no mode\n"
       "refused 1:1: has no max_age\n"
       "refused 1:1: has no mx\n"
       "refused 2:1: '\\u{feff}mode: enforce' is no field of the form 'name: value'\n"},
      {"blanks before a name or ':' do not change it", with("mode", "  mode \t: enforce\n"), enforced,
       "fault 2:1: begins with blanks\nfault 2:7: mode: a blank before ':'\n"},
      {"the first of a field that is there twice counts", sound + "mode: none\nversion: STSv2\nmax_age: x\n",
       enforced,
       "fault 5:1: mode: is there twice; the first counts\n"
       "fault 6:1: version: is there twice; the first counts\n"
       "fault 7:1: max_age: is there twice; the first counts\n"},
      {"a trailing dot is the same host", with("mx", "mx: mx.a.test.\n"), enforced,
       "fault 3:5: mx: 'mx.a.test.' is to be written 'mx.a.test'\n"},
      {"U-labels are the same host as A-labels",
       with("mx",
            "mx: *.b\xc3\xbc"
            "cher.test\n"),
       "enforce *.xn--bcher-kva.test 604800",
       "fault 3:5: mx: '*.b\xc3\xbc"
       "cher.test' is to be written '*.xn--bcher-kva.test'\n"},
      {"no host is called by its address", with("mx", "mx: 192.0.2.1\nmx: mx.a.test\nmx: [2001:db8::1]\n"),
       enforced,
       "fault 3:5: mx: '192.0.2.1' is an address, not a name\n"
       "fault 5:5: mx: '[2001:db8::1]' is an address, not a name\n"},
      {"also in a form that only some programs take for one",
       with("mx",
            "mx: [IPv6:2001:db8::25]\nmx: mx.a.test\nmx: mx.example.123\nmx: 0x7f.1\nmx: 192.0.2.1:25\n"
            "mx: *.0.2.1\nmx: [192.0.2.1]\nmx: 2130706433\n"),
       enforced,
       "fault 3:5: mx: '[IPv6:2001:db8::25]' is an address, not a name\n"
       "fault 5:5: mx: 'mx.example.123' ends with a number, as an address does and no name\n"
       "fault 6:5: mx: '0x7f.1' ends with a number, as an address does and no name\n"
       "fault 7:5: mx: '192.0.2.1:25' is an address, not a name\n"
       "fault 8:5: mx: '0.2.1' ends with a number, as an address does and no name\n"
       "fault 9:5: mx: '[192.0.2.1]' is an address, not a name\n"
       "fault 10:5: mx: '2130706433' ends with a number, as an address does and no name\n"},
      {"the null MX beside a host says nothing", with("mx", "mx: mx.a.test\nmx: .\n"), enforced,
       "fault 4:5: mx: '.' is the null MX (RFC 7505), not an MX host\n"},
      {"no host has no name", with("mx", "mx:\nmx: mx.a.test\nmx: \n"), enforced,
       "fault 3:4: mx: is empty\nfault 5:4: mx: is empty\n"},
      {"no host has a name that Postfix takes for a keyword", with("mx", "mx: nexthop\nmx: mx.a.test\n"),
       enforced, "fault 3:5: mx: 'nexthop' is a single label, which no MX host is called\n"},
      {"the key typo beside an mx that is right", with("mx", "mx: mx.a.test\nnmx: mx2.a.test\nMX: b.test\n"),
       enforced,
       "fault 4:1: nmx: is unknown and is ignored; meant is 'mx'?\n"
       "fault 5:1: MX: is unknown and is ignored; meant is 'mx'?\n"},
      {"max_age of ten and more digits is capped", with("max_age", "max_age: 9999999999\n"),
       "enforce mx.a.test 31557600",
       "fault 4:10: max_age: is more than 31557600 seconds and counts as 31557600\n"},
      {"also where no number can hold it", with("max_age", "max_age: " + std::string(100, '9') + "\n"),
       "enforce mx.a.test 31557600",
       "fault 4:10: max_age: is more than 31557600 seconds and counts as 31557600\n"},
      {"also where it is one second", with("max_age", "max_age: 31557601\n"), "enforce mx.a.test 31557600",
       "fault 4:10: max_age: is more than 31557600 seconds and counts as 31557600\n"},
      {"more than ten digits of a small number", with("max_age", "max_age: 00000604800\n"), enforced,
       "fault 4:10: max_age: has more than 10 digits\n"},
      {"an unknown field whose value no one may have", sound + "x:\ny: \x01\nz: \xff\n", enforced,
       "fault 5:3: x: has no value\n"
       "fault 6:4: y: '\\x01' is no plain text\n"
       "fault 7:4: z: '\\xff' is no plain text\n"},
      {"mode none has no use for an mx that cannot be read", with("mode", "mode: none\nmx: *\n"),
       "none mx.a.test 604800",
       "fault 3:5: mx: '*' would match every host; a wildcard is '*.' and a domain\n"},
  });
}

TEST_CASE("a text that could be misread refuses the policy, and all of it is reported") {
  check({
      {"an empty file has nothing", "", "none in force",
       "refused 1:1: has no version\nrefused 1:1: has no mode\nrefused 1:1: has no max_age\n"
       "refused 1:1: has no mx\n"},
      {"a web page is reported once, not line by line", "\r\n <!DOCTYPE html>\n<html>\n<p>Not found\n",
       "none in force", "refused 1:1: is a web page (HTML or XML), not a policy\n"},
      {"another version", with("version", "version: STSv12\n"), "none in force",
       "refused 1:10: version: 'STSv12' is not 'STSv1', the only one there is\n"},
      {"values are case-sensitive", "version: stsv1\nmode: Enforce\nmx: mx.a.test\nmax_age: 604800\n",
       "none in force",
       "refused 1:10: version: 'stsv1' is not 'STSv1', the only one there is\n"
       "refused 2:7: mode: 'Enforce' is unknown; modes are written in lower case\n"},
      {"names are, too", with("mode", "Mode: enforce\n"), "none in force",
       "refused 1:1: has no mode\nnote 2:1: Mode: is unknown and is ignored; meant is 'mode'?\n"},
      {"an unknown mode", with("mode", "mode: report\n"), "none in force",
       "refused 2:7: mode: 'report' is unknown; known are enforce, testing and none\n"},
      {"the first counts also where it is the wrong one", with("mode", "mode: x\nmode: enforce\n"),
       "none in force",
       "refused 2:7: mode: 'x' is unknown; known are enforce, testing and none\n"
       "fault 3:1: mode: is there twice; the first counts\n"},
      {"the key typo that left enforce without mx", with("mx", "nmx: mx.a.test\n"), "none in force",
       "refused 1:1: has no mx\nfault 3:1: nmx: is unknown and is ignored; meant is 'mx'?\n"},
      {"testing needs an mx like enforce", "version: STSv1\nmode: testing\nmax_age: 86400\n", "none in force",
       "refused 1:1: has no mx\n"},
      {"an empty mx is none", with("mx", "mx:\n"), "none in force",
       "refused 1:1: none of its mx can match a host\nfault 3:4: mx: is empty\n"},
      {"an address is none", with("mx", "mx: 2001:db8::1\n"), "none in force",
       "refused 1:1: none of its mx can match a host\n"
       "fault 3:5: mx: '2001:db8::1' is an address, not a name\n"},
      {"the null MX is none", "version: STSv1\nmode: testing\nmax_age: 86401\nmx: .", "none in force",
       "refused 1:1: none of its mx can match a host\n"
       "fault 4:5: mx: '.' is the null MX (RFC 7505), not an MX host\n"},
      {"empty labels: what was meant is open",
       with("mx", "mx: mx.a.test\nmx: ..\nmx: a..test\nmx: ..a.test\n"), "none in force",
       "refused 4:5: mx: '..' has an empty label\n"
       "refused 5:5: mx: 'a..test' has an empty label\n"
       "refused 6:5: mx: '..a.test' has an empty label\n"},
      {"a suffix of the list format", with("mx", "mx: .a.test\n"), "none in force",
       "refused 3:5: mx: '.a.test' is the suffix of another format; a wildcard is '*.' and a domain\n"},
      {"a bare '*' beside others: what was meant is open", with("mx", "mx: mx.a.test\nmx: *\n"),
       "none in force", "refused 4:5: mx: '*' would match every host; a wildcard is '*.' and a domain\n"},
      {"hosts on one line: to leave them out would stop their mail",
       with("mx", "mx: mx.a.test\nmx: mx1.a.test, mx2.a.test\n"), "none in force",
       "refused 4:5: mx: 'mx1.a.test, mx2.a.test' is more than one name; each has an 'mx:' line of its "
       "own\n"},
      {"a star inside a label", with("mx", "mx: mx*.a.test\n"), "none in force",
       "refused 3:5: mx: 'mx*.a.test' has a '*' that is not the whole left-most label\n"},
      {"a negative max_age", with("max_age", "max_age: -1\n"), "none in force",
       "refused 4:10: max_age: '-1' is no number of seconds\n"},
      {"a max_age with a unit", with("max_age", "max_age: 7d\n"), "none in force",
       "refused 4:10: max_age: '7d' is no number of seconds\n"},
      {"a max_age without a number", with("max_age", "max_age:\n"), "none in force",
       "refused 4:9: max_age: '' is no number of seconds\n"},
      {"no max_age", with("max_age", ""), "none in force", "refused 1:1: has no max_age\n"},
      {"a line without ':' may have been an mx", sound + "mx mx2.a.test\n", "none in force",
       "refused 5:1: 'mx mx2.a.test' is no field of the form 'name: value'\n"},
      {"a comment is no field", "# our policy: strict\n" + sound, "none in force",
       "refused 1:1: '# our policy: strict' is no field of the form 'name: value'\n"},
      {"all on one line", "version: STSv1 mode: enforce mx: mx.a.test max_age: 604800", "none in force",
       "refused 1:1: has no mode\nrefused 1:1: has no max_age\nrefused 1:1: has no mx\n"
       "refused 1:10: version: 'STSv1 mode: enforce mx: mx.a.test max_age: 604800' is not 'STSv1', the only "
       "one there is\n"},
      {"control characters do not reach a terminal", with("mode", "mode: \x1b[2Jenforce\n"), "none in force",
       "refused 2:7: mode: '\\x1b[2Jenforce' is unknown; known are enforce, testing and none\n"},
  });
}

TEST_CASE("a policy over 64 KiB is refused, one of exactly that is read") {
  const std::string padding = "x: " + std::string(policy_size_limit - sound.size() - 4, 'y') + "\n";
  const std::string largest = sound + padding;
  REQUIRE(largest.size() == policy_size_limit);
  CHECK(shown(read_policy(largest)) == enforced);
  const auto larger = read_policy(largest + "\n");
  CHECK(shown(larger) == "none in force");
  CHECK(told(larger) == "refused 1:1: is larger than the 65536 bytes that senders read\n");
}

TEST_CASE("endless faults are counted, and the reason for the refusal is still reported") {
  const auto reading = read_policy(sound + std::string(5000, '\n') + "x\n");
  CHECK(reading.findings.size() == Findings::max_size + 1);
  CHECK(reading.suppressed == 4000);
  REQUIRE(refusal(reading.findings) != nullptr);
  CHECK(to_string(*refusal(reading.findings)) == "5005:1: 'x' is no field of the form 'name: value'");
  CHECK(faults(reading.findings) == Findings::max_size);
}

TEST_CASE("a policy matches an MX host if any of its patterns does") {
  const auto policy = *read_policy(with("mx", "mx: mx.a.test\nmx: *.b.test\n")).policy;
  const auto matches = [&](std::string_view host) { return policy.matches(good(DomainName::parse(host))); };
  CHECK(matches("MX.a.test."));
  CHECK(matches("mx1.b.test"));
  CHECK_FALSE(matches("mx2.a.test"));
  CHECK_FALSE(matches("x.mx1.b.test"));
  CHECK_FALSE(matches("b.test"));
}

TEST_CASE("the strings for reports and mail servers are the policy as it was understood") {
  const auto strings = [](const std::string& text) { return policy_strings(*read_policy(text).policy); };
  CHECK(strings("\xEF\xBB\xBFx: {}\n" + with("mx",
                                             "mx: MX.a.test.\n\nmx: 192.0.2.1\nmx: *.b\xC3\xBC"
                                             "cher.test\n")) ==
        std::vector<std::string>{"version: STSv1", "mode: enforce", "mx: mx.a.test",
                                 "mx: *.xn--bcher-kva.test", "max_age: 604800"});
  CHECK(strings("version: STSv1\nmode: none\nmax_age: 99999999999") ==
        std::vector<std::string>{"version: STSv1", "mode: none", "max_age: 31557600"});
}

TEST_CASE("the strings are limited to what a reply can hold") {
  std::string mxs;
  for (int i = 0; i < 1000; ++i) mxs += fmt::format("mx: mx{}.a.test\n", i);
  const auto strings = policy_strings(*read_policy(with("mx", mxs)).policy);
  CHECK(strings.size() == max_policy_strings);
  CHECK(strings[98] == "mx: mx96.a.test");
  CHECK(strings.back() == "max_age: 604800");
}

TEST_CASE("the example policy is valid") {
  const auto reading = read_policy(read(std::filesystem::path(STARTTLS_POLICIES) / "mta-sts-example.txt"));
  CHECK(told(reading).empty());
  REQUIRE(reading.policy);
  CHECK(reading.policy->mode == Mode::testing);
}
