#include "html/page.h"

#include <openssl/evp.h>

#include <array>

#include "script.h"
#include "support.h"

using namespace starttls;

namespace {

// As a browser computes it of the content of an element.
std::string source_of(std::string_view content) {
  std::array<unsigned char, 32> digest{};
  std::array<unsigned char, 45> base64{};
  REQUIRE(EVP_Digest(content.data(), content.size(), digest.data(), nullptr, EVP_sha256(), nullptr) == 1);
  EVP_EncodeBlock(base64.data(), digest.data(), digest.size());
  std::string source = "'sha256-";
  for (const unsigned char c : base64) {
    if (c != 0) source += static_cast<char>(c);
  }
  return source + "'";
}

// The contents of the elements of this name, in their order.
std::vector<std::string> contents(const std::string& page, const std::string& element) {
  std::vector<std::string> found;
  const std::string begin = "<" + element + ">";
  for (auto at = page.find(begin); at != std::string::npos; at = page.find(begin, at + 1)) {
    const auto from = at + begin.size();
    found.push_back(page.substr(from, page.find("</" + element + ">", from) - from));
  }
  return found;
}

}  // namespace

TEST_CASE("a page allows its own style sheets and its own script, and nothing else") {
  const html::Head head{
      .title = "Title", .styles = {{.text = "b{}", .sha256 = "00"}}, .script = html::test::script()};
  const std::string page = html::head(head) + html::foot(head);
  const auto styles = contents(page, "style");
  const auto scripts = contents(page, "script");
  REQUIRE(styles.size() == 2);
  REQUIRE(scripts.size() == 1);
  CHECK(page.contains("content=\"default-src 'none'; base-uri 'none'; form-action 'none'; style-src " +
                      source_of(styles[0]) + " 'sha256-AA=='; script-src " + source_of(scripts[0]) + "\""));
  CHECK(scripts[0] == starttls::test::read(STARTTLS_SCRIPT));
}

TEST_CASE("a page without a script allows none") {
  const html::Head head{.title = "Title"};
  const std::string page = html::head(head) + html::foot(head);
  CHECK_FALSE(page.contains("script"));
  CHECK(page.contains("default-src 'none'"));
}

TEST_CASE("a page names the feed beside it") {
  CHECK(html::head({.title = "Title", .feed = "\"changes.atom"})
            .contains(R"(<link rel="alternate" type="application/atom+xml" href="&quot;changes.atom">)"));
  CHECK_FALSE(html::head({.title = "Title"}).contains("<link"));
}

TEST_CASE("a page whose elements have style attributes allows them") {
  const html::Head head{.title = "Title", .has_style_attributes = true};
  CHECK(html::head(head).contains("style-src 'unsafe-inline'\""));
}

TEST_CASE("the titles and notes of a page are escaped") {
  CHECK(html::head({.title = "</title><b>"}).contains("<title>&lt;/title&gt;&lt;b&gt;</title>"));
  CHECK(html::section("<b>", "<i>", "<p>x</p>") ==
        "<section><h2>&lt;b&gt;</h2>\n<p class=\"soft\">&lt;i&gt;</p>\n<p>x</p></section>\n");
  CHECK(html::details("<b>", "<p>x</p>") == "<details><summary>&lt;b&gt;</summary>\n<p>x</p></details>\n");
  CHECK(html::tile("<b>", "&") == "<li><b>&lt;b&gt;</b><span>&amp;</span></li>\n");
  CHECK(html::tile("1", "fault", "bad") == "<li class=\"bad\"><b>1</b><span>fault</span></li>\n");
  CHECK(html::tile("1,000,000,000", "x").contains("class=\"long\""));
}
