// The parts of the page of `check --html`. How it looks, and that its script works, is tested in a browser
// (tests/e2e/check).

#include "listtool/check_page.h"

#include <algorithm>

#include "examination/samples.h"
#include "support.h"

using namespace starttls;
using namespace starttls::examination::test;
using examination::DomainFacts;
using examination::Level;
using listtool::CodeSet;
using listtool::Examined;
using listtool::PageContent;
using starttls::test::at;

namespace {

constexpr const char* markup = R"(<script>alert("1")</script>)";
constexpr const char* escaped = "&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;";

Examined without_starttls() {
  DomainFacts facts = sound();
  stop(facts, smtp::Stop::no_starttls, smtp::Step::ehlo);
  return listtool::examine(std::move(facts));
}

std::string html_of(const Examined& examined, listtool::CheckStyle style = {}, bool is_alone = false) {
  CodeSet codes;
  return domain_html(examined, nullptr, style, is_alone, codes);
}

PageContent content_of(std::vector<listtool::PageRow> rows) {
  return {.origin = {.time = at("2026-11-28T12:34:56Z"), .host = "mx.example.net"}, .rows = std::move(rows)};
}

std::string row_of(const listtool::PageRow& row) {
  const PageContent content = content_of({row});
  html::Table table = rows_table(content);
  add_row(table, row, has_lists(content));
  return table.html();
}

}  // namespace

TEST_CASE("the source of a code has a link for each RFC and section") {
  using listtool::source_html;
  CHECK(source_html("RFC 8461 section 4.1; RFC 8996") ==
        R"(<a href="https://www.rfc-editor.org/rfc/rfc8461#section-4.1">RFC 8461 section 4.1</a>; )"
        R"(<a href="https://www.rfc-editor.org/rfc/rfc8996">RFC 8996</a>)");
  CHECK(source_html("starttls-list(5) & <b>") == "starttls-list(5) &amp; &lt;b&gt;");
  CHECK(source_html("").empty());
}

TEST_CASE("every source of a code becomes links to existing places, or stays text") {
  for (const examination::CodeDescription& code : examination::codes()) {
    INFO(code.word);
    const std::string html = listtool::source_html(code.source);
    const bool is_rfc = code.source.contains("RFC ");
    CHECK(html.contains("<a href=\"https://www.rfc-editor.org/rfc/rfc") == is_rfc);
    CHECK_FALSE(html.contains("rfc\""));
    CHECK_FALSE(html.contains("#section-\""));
    CHECK_FALSE(html.contains(".\">"));
  }
}

TEST_CASE("a domain is unfolded unless it is sound") {
  CHECK(html_of(without_starttls()).starts_with("<details class=\"domain\" id=\"d-example.org\" open>"));
  CHECK(html_of(listtool::examine(sound()))
            .starts_with("<details class=\"domain\" id=\"d-example.org\"><summary>"));
  DomainFacts limited = sound();
  stop_all(limited, smtp::Stop::deferred, smtp::Step::greeting);
  CHECK(html_of(listtool::examine(std::move(limited))).contains("id=\"d-example.org\" open>"));
}

TEST_CASE("a finding has its level, reason, remedy, code and source") {
  const std::string html = html_of(without_starttls());
  CHECK(html.contains(
      "<h4>mx1.<wbr>example.<wbr>org[192.<wbr>0.<wbr>2.<wbr>1]</h4>\n<ul class=\"findings\">\n"
      "<li><span class=\"level fault\" data-rank=\"4\">fault</span><div>"
      "<p>the server does not offer STARTTLS</p>\n"
      "<p><b>Why:</b> Senders that follow DANE and the MTA-STS policy do not deliver to this address.</p>\n"
      "<p><b>What to do:</b> Give the mail server a certificate and switch STARTTLS on.</p>\n"
      "<p class=\"code soft\"><a href=\"#code-starttls\">starttls</a>: "
      "<a href=\"https://www.rfc-editor.org/rfc/rfc3207#section-4\">RFC 3207 section "
      "4</a></p></div></li>\n"));
}

TEST_CASE("the subject with the worst finding comes first") {
  DomainFacts facts = testing();
  facts.tlsrpt.record = none();  // about the domain
  set_trust(facts, certificate::ChainFault::self_signed);
  stop(facts, smtp::Stop::no_starttls, smtp::Step::ehlo);
  const Examined examined = listtool::examine(std::move(facts));
  const std::string html = html_of(examined);
  std::vector<int> worst;
  for (auto begin = html.find("<h4>"); begin != std::string::npos; begin = html.find("<h4>", begin + 1)) {
    const auto rank = html.find("data-rank=\"", begin);
    worst.push_back(html[rank + 11] - '0');
  }
  CHECK(worst.size() > 1);
  CHECK(std::ranges::is_sorted(worst, std::ranges::greater()));
}

TEST_CASE("a page about one domain has no table, and its verdict on top") {
  const std::string html = html_of(without_starttls(), {}, true);
  CHECK(html.starts_with(
      "<section class=\"attention\"><h2>1 fault, 0 warnings, 0 notes</h2>\n<ul class=\"verdicts\">"));
  CHECK(html.contains("<section><h2>mx1.<wbr>example.<wbr>org[192"));
  CHECK_FALSE(html.contains("<details"));
  CHECK(html_of(listtool::examine(sound()), {}, true).starts_with("<section class=\"calm\">"));
  PageContent content = content_of({page_row(without_starttls())});
  content.is_alone = true;
  CHECK(before_rows(content).contains("<h1>TLS of mail to example.<wbr>org</h1>"));
  CHECK_FALSE(before_rows(content).contains("<section"));
  CHECK(before_domains(content).empty());
}

TEST_CASE("what is ok, and the path of a delivery, are shown where they are wanted") {
  const Examined examined = listtool::examine(sound());
  CHECK_FALSE(html_of(examined).contains("the server offers STARTTLS"));
  CHECK(html_of(examined, {.show_ok = true}).contains("<p>the server offers STARTTLS</p>"));
  CHECK_FALSE(html_of(examined).contains("<ol"));
  const std::string path = html_of(examined, {.explain = true});
  CHECK(path.contains("<li class=\"lookup\"><b>MX records</b> <span>signed</span></li>"));
  CHECK(path.contains("<li class=\"dialogue\"><b>greeting</b> <span>220 mx ESMTP (0 ms)</span></li>"));
}

TEST_CASE("texts of mail servers, records and states are escaped") {
  DomainFacts facts = sound();
  probe(facts).greeting->lines = {markup};
  probe(facts).extensions = {markup};
  mx1(facts).name = markup;
  chain(facts).certificates.front().subject = markup;
  facts.mta_sts.record = texts(std::string("v=STSv1; id=1; x=") + markup);
  facts.mta_sts.page = page(std::string("version: STSv1\nmode: ") + markup);
  stop(facts, smtp::Stop::rejected, smtp::Step::greeting);
  probe(facts).reason = markup;
  const Examined examined = listtool::examine(std::move(facts));
  const checkdb::CheckChanges changes{.worse = {{.code = markup, .subject = markup, .level = Level::fault}},
                                      .better = {}};
  for (const bool is_alone : {false, true}) {
    CodeSet codes;
    const std::string html =
        domain_html(examined, &changes, {.show_ok = true, .explain = true}, is_alone, codes);
    CHECK(html.contains(escaped));
    CHECK_FALSE(html.contains("<script"));
  }
  PageContent content = content_of({page_row(examined)});
  content.origin.host = markup;
  content.own_network.add(
      {{.code = examination::Code::smtp_own_network, .seen = markup, .why = markup, .remedy = markup}});
  const std::string top = before_rows(content);
  CHECK(top.contains(escaped));
  CHECK_FALSE(top.contains("<script"));
}

TEST_CASE("a row says what happens to the mail of each sender") {
  const std::string listed = row_of(page_row(listtool::examine(sound())));
  CHECK(listed.contains(R"(<a href="#d-example.org">example.<wbr>org</a>)"));
  CHECK(listed.contains(R"(data-label="MTA-STS"><span class="good" data-rank="1">verified TLS</span>)"));
  CHECK(listed.contains(R"(data-label="List"><span class="good")"));
  const std::string other = row_of(page_row(listtool::examine(undemanded())));
  CHECK_FALSE(other.contains("data-label=\"List\""));
  CHECK(other.contains(R"(data-label="Others"><span class="plain" data-rank="2">TLS, strippable</span>)"));
  const std::string faulty = row_of(page_row(without_starttls()));
  CHECK(faulty.contains(R"(data-label="Worst"><span class="level fault" data-rank="4">fault</span>)"));
  CHECK(faulty.contains(R"(data-label="Faults">1</td>)"));
}

TEST_CASE("what has changed goes before the findings") {
  const checkdb::CheckChanges changes{
      .worse = {{.code = "starttls", .subject = "mx1.example.org[192.0.2.1]", .level = Level::fault}},
      .better = {{.code = "tlsrpt-record", .subject = "example.org", .level = Level::warning}}};
  CodeSet codes;
  const std::string html = domain_html(without_starttls(), &changes, {}, false, codes);
  const auto worse = html.find("Worse: a fault (starttls): mx1.<wbr>example");
  const auto better = html.find("Better: no longer a warning (tlsrpt-record): example");
  CHECK(worse != std::string::npos);
  CHECK(worse < better);
  CHECK(better < html.find("<h4>"));
}

TEST_CASE("the page says how many domains it shows, and of which it shows nothing") {
  PageContent content = content_of({page_row(without_starttls())});
  content.only_changes = true;
  content.unchanged = 1'999;
  content.left_out = 1;
  const std::string top = before_rows(content);
  CHECK(top.contains("<h1>TLS of mail to 2,001 domains</h1>"));
  CHECK(top.contains("from mx.<wbr>example.<wbr>net, on <time>2026-11-28</time> at <time>12:34 UTC</time>"));
  CHECK(top.contains("worse or better than last time are shown: 1 of 2,000."));
  CHECK(top.contains("1 domain was not examined again (--since), and is not shown."));
  CHECK(top.contains("<li class=\"fault\"><b>1</b><span>domain has a fault</span></li>"));
  CHECK(top.contains("<li><b>0</b><span>domains have a warning, and no fault</span></li>"));
  content.rows.clear();
  CHECK(before_rows(content).contains("<h2>Nothing has changed</h2>"));
}

TEST_CASE("the codes of a page are explained, and no others") {
  PageContent content = content_of({});
  (void)domain_html(without_starttls(), nullptr, {}, false, content.codes);
  const std::string end = after_domains(content);
  CHECK(end.contains("<div id=\"code-starttls\"><dt>starttls</dt><dd>Whether the server offers STARTTLS."));
  CHECK_FALSE(end.contains("<div id=\"code-mx-records\">"));
  CHECK(end.contains("<dt>verified TLS</dt>"));
}

TEST_CASE("every rule of a style sheet is closed") {
  for (const html::Asset& style : {html::page_style(), listtool::check_page_style()}) {
    int depth = 0;
    int deepest = 0;
    for (const char c : style.text) {
      if (c == '{') deepest = std::max(deepest, ++depth);
      if (c == '}') REQUIRE(--depth >= 0);
    }
    CHECK(depth == 0);
    CHECK(deepest == 2);  // a rule in @media
  }
}
