#include "html/text.h"

#include "support.h"

using namespace starttls;

TEST_CASE("text has no markup, and no characters that change the direction of writing") {
  CHECK(html::text("<b a=\"1\" c='2'>&") == "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;");
  CHECK(html::text(std::string("a\0b\x1b", 4)) == R"(a\x00b\x1b)");
  CHECK(html::text("\xe2\x80\xae") == R"(\u{202e})");
  CHECK(html::text(R"(a\b)") == R"(a\\b)");
  CHECK(html::text(std::string(20'000, 'a')).size() < 10'010);
}

TEST_CASE("a text that is printable already keeps its backslashes") {
  CHECK(html::escape(R"(a\x00<)") == R"(a\x00&lt;)");
}

TEST_CASE("a day in a sentence stays on one line") {
  CHECK(html::prose("until 2026-12-28.") == "until <time>2026-12-28</time>.");
  CHECK(html::prose("2026-12-28, 2026-12-29") == "<time>2026-12-28</time>, <time>2026-12-29</time>");
  CHECK(html::prose("<2026-12-28>") == "&lt;<time>2026-12-28</time>&gt;");
  for (const char* const other : {"12026-12-28", "2026-12-281", "2026-12-2", "2026/12/28", "", "2026-12-"}) {
    CHECK(html::prose(other) == other);
  }
}

TEST_CASE("a name may be broken after its dots") {
  CHECK(html::name("mx.<i>@example.org") == "mx.<wbr>&lt;i&gt;@<wbr>example.<wbr>org");
  CHECK(html::name(std::string(400, 'a')).size() < 330);
}

TEST_CASE("large numbers are read in groups of three digits") {
  CHECK(html::grouped_digits(0) == "0");
  CHECK(html::grouped_digits(999) == "999");
  CHECK(html::grouped_digits(1'000) == "1,000");
  CHECK(html::grouped_digits(18'446'744'073'709'551'615U) == "18,446,744,073,709,551,615");
  CHECK(html::grouped_count(1, "session") == "1 session");
  CHECK(html::grouped_count(1'234, "session") == "1,234 sessions");
}
