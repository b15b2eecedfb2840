// The pages beside a list. `unit_listingpages '[.write]'` writes samples of them into the directory that the
// environment variable STARTTLS_PAGES names, to look at them in a browser.

#include "listingpages/pages.h"

#include <fmt/format.h>

#include <cstdlib>

#include "listingpages/words.h"
#include "support.h"

using namespace starttls;
using namespace starttls::listing;
using namespace starttls::listingpages;
using namespace starttls::test;

namespace {

constexpr const char* markup = R"(</pre></name><script>alert("1")</script>)";
constexpr const char* escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;";
const std::string key = "RWTF4yuwIAnmYbpPD5yPkSKKgETilaz2EDUjwK4iWzL18LYnsWSL6okf";
const std::string other_key = "RWT0ZcsxF33skkYw6puj0cvEk5/OPmPwP8bjgNmMCouN3LnZrMXIVfoq";

DomainName name(std::string_view text) {
  return good(DomainName::parse(text));
}

ListAbout about() {
  return {.name = "sector",
          .author = "Example Sector CERT",
          .url = "https://lists.example.org/",
          .file = "sector.json",
          .edition = 1'234,
          .published = at("2026-11-29T03:00:00Z"),
          .expires = at("2026-12-13T03:00:00Z"),
          .keys = {key}};
}

Entry entry(std::string_view domain, State state = State::listed) {
  return {.domain = name(domain),
          .state = state,
          .since = at("2026-11-05T03:00:00Z"),
          .consent = Consent::mta_sts,
          .mxs = {"mx1.example.org", ".mx.example.net"}};
}

Transition transition(std::string_view domain, State from, State to, Reason reason,
                      std::string evidence = "") {
  return {.domain = name(domain),
          .time = at("2026-11-29T03:00:00Z"),
          .from = from,
          .to = to,
          .reason = reason,
          .evidence = std::move(evidence)};
}

Transition begin_of_failure(std::string evidence = "starttls certificate-name") {
  return transition("example.org", State::listed, State::failing, Reason::unsound, std::move(evidence));
}

std::size_t number_of(std::string_view what, std::string_view text) {
  std::size_t number = 0;
  for (auto at = text.find(what); at != text.npos; at = text.find(what, at + what.size())) ++number;
  return number;
}

std::vector<Entry> many(std::size_t number) {
  std::vector<Entry> entries;
  for (std::size_t i = 0; i < number; ++i) entries.push_back(entry(fmt::format("d{}.example", i)));
  return entries;
}

// A list with something of everything.
std::vector<Entry> various() {
  std::vector<Entry> entries{entry("example.org"),
                             entry("mail.example", State::failing),
                             entry("clinic.example"),
                             entry("bank.example", State::watched),
                             entry("new.example", State::candidate),
                             entry("old.example", State::suspended),
                             entry("gone.example", State::removed)};
  entries[2].consent = Consent::none;
  entries[2].manual = Manual{.reason = "agreed by telephone", .ends = at("2027-03-01T00:00:00Z")};
  entries[2].is_held = true;
  entries[4].consent = Consent::none;
  entries[4].mxs.clear();
  return entries;
}

Transitions changes(std::size_t number) {
  Transitions all;
  for (std::size_t i = 0; i < number; ++i) {
    all.push_back(begin_of_failure(fmt::format("evidence-{}.", i)));
    all.back().time += std::chrono::minutes(i);
  }
  return all;
}

// As the publisher calls index_html().
std::string page_of(const ListAbout& about, const std::vector<Entry>& entries,
                    const Transitions& transitions) {
  StateCounts counts;
  std::vector<Entry> shown;
  for (const Entry& each : entries) {
    ++counts[each.state];
    if (each.state != State::removed) shown.push_back(each);
  }
  if (shown.size() > max_shown_entries) shown.clear();
  return index_html(about, counts, shown, transitions);
}

}  // namespace

TEST_CASE("the page shows where each domain stands, the last changes and how to use the list") {
  const std::string page = page_of(about(), various(), std::vector{begin_of_failure()});
  CHECK(page.contains("Edition 1234, published on <time>2026-11-29</time> <time>03:00 UTC</time>."));
  CHECK(page.contains("<li class=\"listed\"><b>2</b><span>listed</span></li>"));
  CHECK(page.contains("<li class=\"removed\"><b>1</b><span>removed</span></li>"));
  CHECK(page.contains("<a href=\"domains/mail.example.json\">mail.<wbr>example</a>"));
  CHECK(page.contains("<span class=\"listed\">listed</span>, held"));
  CHECK(page.contains("publisher's, until <time>2027-03-01</time>"));
  CHECK(page.contains("<span>mx1.<wbr>example.<wbr>org</span> <span>.mx.<wbr>example.<wbr>net</span>"));
  CHECK(page.contains("listed -&gt; failing"));
  CHECK(page.contains(
      "an examination has found faults <span class=\"evidence\">(starttls certificate-name)</span>"));
  CHECK(page.contains("url = &quot;https://lists.example.org/sector.json&quot;"));
  CHECK(page.contains("_starttls-list.example.org. TXT \"v=starttls-list1; list=sector\""));
  CHECK(page.contains("find no fault for\n28 days."));
  CHECK(page.contains("with a <code>max_age</code> of 7 days (604800) or more"));
  CHECK(page.contains("for 3 days and at least 3 times"));
  CHECK(page.contains("type=\"application/atom+xml\" href=\"changes.atom\""));
  // On the list, then the others, by name; a removed one is not in the tables.
  CHECK(page.find("domains/clinic") < page.find("domains/mail"));
  CHECK(page.find("domains/mail") < page.find("3 domains not on the list"));
  CHECK(page.find("3 domains not on the list") < page.find("domains/bank"));
  CHECK_FALSE(page.contains("domains/gone"));
}

TEST_CASE("the page runs no script and loads nothing") {
  const std::string page = page_of(about(), various(), changes(3));
  CHECK(page.contains("default-src 'none'; base-uri 'none'; form-action 'none'; style-src 'sha256-"));
  for (const char* const element : {"<script", "<img", "<iframe", " style=", " src=", "@import", "url("})
    CHECK_FALSE(page.contains(element));
}

TEST_CASE("a page of an empty list says that no domain is on it") {
  const std::string page = page_of(about(), {}, {});
  CHECK(page.contains("No domain is on the list yet."));
  CHECK(page.contains("Nothing has changed yet."));
  CHECK(page.contains("<li><b>0</b><span>listed</span></li>"));
  CHECK_FALSE(page.contains("<table"));
}

TEST_CASE("the page has all domains up to a limit, and beyond it their number") {
  const std::string all = page_of(about(), many(max_shown_entries), {});
  CHECK(number_of("<tr role=\"row\"><th scope=\"row\"", all) == max_shown_entries);
  const std::string too_many = page_of(about(), many(10'000), {});
  CHECK_FALSE(too_many.contains("<table"));
  CHECK(too_many.contains("<li class=\"listed\"><b>10,000</b>"));
  CHECK(too_many.contains("10,000 domains are too many for this page."));
  CHECK(too_many.contains("<a href=\"domains.json\">"));
  CHECK(too_many.size() < 30'000);
}

TEST_CASE("removed domains do not count for the limit of the page") {
  std::vector<Entry> entries = many(max_shown_entries + 1);
  entries.back().state = State::removed;
  CHECK(page_of(about(), entries, {}).contains("<table"));
}

TEST_CASE("page and feed have the last changes, the newest first") {
  const Transitions all = changes(max_shown_changes + 20);
  for (const std::string& text : {page_of(about(), {}, all), atom_feed(about(), all)}) {
    CHECK(number_of("evidence-", text) == max_shown_changes);
    CHECK(text.contains("evidence-20."));
    CHECK_FALSE(text.contains("evidence-19."));
    CHECK(text.find("evidence-119.") < text.find("evidence-118."));
  }
}

TEST_CASE("texts from outside have no markup on the page and in the feed, and are cut there") {
  ListAbout hostile = about();
  hostile.author = markup;
  hostile.name = markup;
  std::vector<Entry> entries{entry("example.org")};
  entries[0].mxs = {markup};
  Transitions transitions{begin_of_failure(std::string(markup) + "\x01\xff\xe2\x80\xae")};
  for (const std::string& text : {page_of(hostile, entries, transitions), atom_feed(hostile, transitions)}) {
    CHECK_FALSE(text.contains("<script>"));
    CHECK(text.contains(escaped));
    CHECK(text.contains(R"(\x01\xff\u{202e})"));
  }
  transitions[0].evidence.assign(100'000, 'a');
  CHECK(page_of(about(), {}, transitions).size() < 30'000);
  CHECK(atom_feed(about(), transitions).size() < 3'000);
}

TEST_CASE("the longest name is whole on the page") {
  const std::string label(61, 'a');
  const std::string longest = fmt::format("{0}.{0}.{0}.{0}.org", label);
  CHECK(page_of(about(), std::vector{entry(longest)}, {}).contains("href=\"domains/" + longest + ".json\""));
}

TEST_CASE("the table for listtool.toml has the root keys, or else the keys") {
  const std::string begin = "[[list]]\nname = \"sector\"\nurl = \"https://lists.example.org/sector.json\"\n";
  CHECK(list_table(about()) == begin + "keys = [\n  \"" + key + "\",\n]\n");
  ListAbout with_roots = about();
  with_roots.root_keys = {key, other_key};
  with_roots.threshold = 2;
  CHECK(list_table(with_roots) ==
        begin + "root_keys = [\n  \"" + key + "\",\n  \"" + other_key + "\",\n]\nthreshold = 2\n");
  ListAbout hostile = about();
  hostile.url = "https://lists.example.org/\"\n[[list]]\\";
  CHECK(list_table(hostile).contains(R"(url = "https://lists.example.org/\"\n[[list]]\\sector.json")"));
}

TEST_CASE("a domain's document has its entry and its history") {
  CHECK(domain_json(entry("example.org"), std::vector<std::string>{"certificate-name"},
                    std::vector{begin_of_failure("a \"b\" \xff")}) == R"({
  "domain": "example.org",
  "state": "listed",
  "since": "2026-11-05T03:00:00Z",
  "consent": "mta-sts",
  "mxs": [
    "mx1.example.org",
    ".mx.example.net"
  ],
  "held": false,
  "sound_days": 0,
  "faults": [
    "certificate-name"
  ],
  "history": [
    {
      "time": "2026-11-29T03:00:00Z",
      "from": "listed",
      "to": "failing",
      "reason": "unsound",
      "evidence": "a \"b\" \\xff"
    }
  ]
}
)");
}

TEST_CASE("a domain's document says what the publisher did by hand, and when it was last observed") {
  Entry held = entry("example.org");
  held.manual = Manual{.reason = "agreed by telephone", .ends = at("2027-03-01T00:00:00Z")};
  held.is_held = true;
  held.observed = at("2026-11-29T03:00:00Z");
  const std::string json = domain_json(held, {}, {});
  CHECK(json.contains(R"("manual": {
    "reason": "agreed by telephone",
    "ends": "2027-03-01T00:00:00Z"
  },
  "held": true,)"));
  CHECK(json.contains(R"("observed": "2026-11-29T03:00:00Z",
  "faults": [],)"));
  CHECK(json.contains(R"("history": [])"));
}

TEST_CASE("a domain's document has reports only for the publisher, who passes them") {
  const listing::DeliveryReport report{.day = Day(std::chrono::days(20'000)),
                                       .reporter = "a \"b\"",
                                       .successful = 12,
                                       .failed = 1,
                                       .failures = {{"certificate-expired", 1}}};
  CHECK(domain_json(entry("example.org"), {}, {}, std::vector{report}).contains(R"("reports": [
    {
      "day": "2024-10-04",
      "reporter": "a \"b\"",
      "successful": 12,
      "failed": 1,
      "failures": {
        "certificate-expired": 1
      }
    }
  ])"));
  CHECK_FALSE(domain_json(entry("example.org"), {}, {}).contains("reports"));
}

TEST_CASE("the page says where reports go, if they go anywhere") {
  ListAbout to = about();
  CHECK_FALSE(index_html(to, {}, {}, {}).contains("RFC 8460"));
  to.report_to = {"mailto:reports@example.org", "https://example.org/?a=1&b=<2>"};
  const std::string page = index_html(to, {}, {}, {});
  CHECK(page.contains("href=\"mailto:reports@example.org\""));
  CHECK(page.contains("href=\"https://example.org/?a=1&amp;b=&lt;2&gt;\""));
}

TEST_CASE("the document of all domains has the edition and each domain") {
  CHECK(entries_json(about(), std::vector{entry("gone.example", State::removed)}) == R"({
  "list": "sector",
  "author": "Example Sector CERT",
  "url": "https://lists.example.org/sector.json",
  "edition": 1234,
  "published": "2026-11-29T03:00:00Z",
  "expires": "2026-12-13T03:00:00Z",
  "domains": [
    {
      "domain": "gone.example",
      "state": "removed",
      "since": "2026-11-05T03:00:00Z",
      "consent": "mta-sts",
      "mxs": [
        "mx1.example.org",
        ".mx.example.net"
      ]
    }
  ]
}
)");
  CHECK(number_of("\"domain\"", entries_json(about(), many(10'000))) == 10'000);
  CHECK(entries_json(about(), {}).contains("\"domains\": []"));
}

TEST_CASE("the feed is one of RFC 4287") {
  CHECK(atom_feed(about(), std::vector{begin_of_failure("certificate-name <&>")}) ==
        R"(<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en">
  <id>https://lists.example.org/</id>
  <title>Changes of the list sector</title>
  <updated>2026-11-29T03:00:00Z</updated>
  <author><name>Example Sector CERT</name></author>
  <link rel="self" type="application/atom+xml" href="https://lists.example.org/changes.atom"/>
  <link rel="alternate" type="text/html" href="https://lists.example.org/"/>
  <entry>
    <id>https://lists.example.org/domains/example.org.json#2026-11-29T03:00:00Z-unsound</id>
    <title>example.org: listed -&gt; failing</title>
    <updated>2026-11-29T03:00:00Z</updated>
    <link rel="alternate" type="application/json" href="https://lists.example.org/domains/example.org.json"/>
    <content>listed -&gt; failing: an examination has found faults (certificate-name &lt;&amp;&gt;)</content>
  </entry>
</feed>
)");
}

TEST_CASE("a feed without entries is from the time of the edition, and has an author in any case") {
  ListAbout anonymous = about();
  anonymous.author.clear();
  anonymous.published = at("2026-11-30T03:00:00Z");
  const std::string feed = atom_feed(anonymous, {});
  CHECK(feed.contains("<updated>2026-11-30T03:00:00Z</updated>"));
  CHECK(feed.contains("<author><name>sector</name></author>"));
}

TEST_CASE("the changes of a domain in one observation are different entries of the feed") {
  const Transitions both{
      transition("example.org", State::candidate, State::candidate, Reason::mxs_changed, "a -> b"),
      transition("example.org", State::candidate, State::watched, Reason::consent_given)};
  const std::string feed = atom_feed(about(), both);
  CHECK(feed.contains(".json#2026-11-29T03:00:00Z-mxs-changed</id>"));
  CHECK(feed.contains(".json#2026-11-29T03:00:00Z-consent-given</id>"));
  CHECK(feed.contains("<title>example.org: its MX patterns have changed</title>"));
}

TEST_CASE("the feed has no character that XML forbids") {
  const std::string feed =
      atom_feed(about(), std::vector{begin_of_failure("a\xEF\xBF\xBE\xEF\xBF\xBF" + std::string(1, '\0'))});
  CHECK(feed.contains("(a\xEF\xBF\xBD\xEF\xBF\xBD\\x00)"));
}

TEST_CASE("each state, reason and consent has words") {
  for (unsigned value = 0; !to_string(static_cast<State>(value)).empty(); ++value)
    CHECK(meaning(static_cast<State>(value)).ends_with('.'));
  for (unsigned value = 0; !to_string(static_cast<Reason>(value)).empty(); ++value)
    CHECK_FALSE(clause(static_cast<Reason>(value)).empty());
  for (unsigned value = 0; !to_string(static_cast<Consent>(value)).empty(); ++value)
    CHECK_FALSE(shown(static_cast<Consent>(value)).empty());
  CHECK(clause(Reason::consent_withdrawn) == "its owner has taken the consent back");
}

TEST_CASE("samples", "[.write]") {
  const char* const folder = std::getenv("STARTTLS_PAGES");
  REQUIRE(folder != nullptr);
  const std::filesystem::path path = folder;
  ListAbout with_roots = about();
  with_roots.root_keys = {key, other_key};
  with_roots.threshold = 2;
  with_roots.report_to = {"mailto:reports@lists.example.org", "https://lists.example.org/reports"};
  Transitions history{
      transition("new.example", State::candidate, State::candidate, Reason::added, "asked by mail"),
      transition("bank.example", State::candidate, State::watched, Reason::consent_given, "mta-sts"),
      transition("example.org", State::watched, State::listed, Reason::watched_long_enough, "29 sound days"),
      transition("mail.example", State::listed, State::failing, Reason::unsound, "starttls certificate-name"),
      transition("gone.example", State::listed, State::removed, Reason::consent_withdrawn)};
  for (const Transition& each : changes(15)) history.push_back(each);
  write(path / "various.html", page_of(with_roots, various(), history));
  write(path / "changes.atom", atom_feed(with_roots, history));
  write(path / "domains.json", entries_json(with_roots, various()));
  write(path / "empty.html", page_of(about(), {}, {}));
  write(path / "many.html", page_of(about(), many(max_shown_entries), {}));
  write(path / "too-many.html", page_of(about(), many(10'000), history));
  // Nothing in them can be broken.
  std::vector<Entry> entries{entry(fmt::format("{0}.{0}.{0}.{0}.org", std::string(61, 'a')))};
  entries[0].mxs = {std::string(253, 'm')};
  ListAbout hostile = about();
  hostile.name = std::string(64, 'n');
  hostile.file = hostile.name + ".json";
  hostile.author = std::string(300, 'A') + markup;
  hostile.url = "https://" + std::string(200, 'u') + "/";
  hostile.report_to = {"https://" + std::string(300, 'r') + markup};
  write(path / "hostile.html",
        page_of(hostile, entries,
                std::vector{begin_of_failure(std::string(1'000, 'e')), begin_of_failure(markup)}));
}
