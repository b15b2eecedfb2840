#include "report/charts.h"

#include <limits>

#include "support.h"

using namespace starttls;
using namespace starttls::report;

namespace {

std::vector<Day> days(std::size_t number) {
  std::vector<Day> out;
  for (std::size_t at = 0; at < number; ++at) out.push_back(Day{} + std::chrono::days{20'000 + at});
  return out;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

}  // namespace

TEST_CASE("the axis of shares starts below the least share, as near to it as possible") {
  CHECK(share_scale(100).min == 99);
  CHECK(share_scale(99.5).min == 99);
  CHECK(share_scale(99.05).min == 98);
  CHECK(share_scale(96.3).min == 95);
  CHECK(share_scale(95).min == 90);
  CHECK(share_scale(60).min == 50);
  CHECK(share_scale(12).min == 0);
  CHECK(share_scale(0).min == 0);
  for (double share = 0; share <= 100; share += 0.25) {
    const ShareScale scale = share_scale(share);
    CHECK((scale.min < share || scale.min == 0));
    CHECK((100 - scale.min) / scale.step <= 5.01);
  }
}

TEST_CASE("an axis that does not start at 0 has a note, others have none") {
  DayLine line{.id = "a", .title = "Share", .colour = "tls", .days = days(2), .percent = {97, 99}};
  CHECK(to_html(line).contains("The axis starts at 95%, not at 0%."));
  line.percent = {3, 99};
  CHECK_FALSE(to_html(line).contains("The axis starts"));
}

TEST_CASE("a line is interrupted at a day without a share, and there is no chart without any share") {
  DayLine line{
      .id = "a", .title = "Share", .colour = "tls", .days = days(5), .percent = {97, 98, -1, 99, 97}};
  const std::string svg = to_html(line);
  const auto begin = svg.find("class=\"line\"");
  const std::string path = svg.substr(begin, svg.find("/>", begin) - begin);
  CHECK(count(path, "M") == 2);
  CHECK(count(path, "L") == 2);
  CHECK(count(svg, "class=\"dot\"") == 4);
  line.percent = {-1, -1, -1, -1, -1};
  CHECK(to_html(line).empty());
}

TEST_CASE("at most seven days have labels, the newest among them, and months if there are many days") {
  for (const std::size_t number : {1U, 2U, 7U, 8U, 28U, 30U, 31U, 180U, 181U, 800U}) {
    const DayBars bars{.id = "a",
                       .title = "Sessions",
                       .colour = "tls",
                       .days = days(number),
                       .values = std::vector<std::uint64_t>(number, 3)};
    const std::string html = to_html(bars);
    const std::string axis = html.substr(html.find("class=\"days\""));
    CHECK(count(axis, "<span") <= 7);
    CHECK(count(axis, "<span") >= std::min<std::size_t>(number, 4));
    CHECK(axis.contains(number > 180 ? " 20" : " Oct"));
  }
}

TEST_CASE("charts have a title and a description, and every number has its place") {
  const DayBars bars{.id = "all",
                     .title = "Sessions & more",
                     .colour = "tls",
                     .days = days(3),
                     .values = {0, 1234567, std::numeric_limits<std::uint64_t>::max()}};
  const std::string html = to_html(bars);
  CHECK(html.contains("<title id=\"allTitle\">Sessions &amp; more</title>"));
  CHECK(html.contains("aria-labelledby=\"allTitle allText\""));
  CHECK(html.contains("most on 2024-10-06: 18,446,744,073,709,551,615"));
  CHECK(html.contains(": 1,234,567</title>"));
  CHECK(count(html, "y=\"-") == 0);
}

TEST_CASE("a bar shows the smallest part, and no part extends beyond the bar") {
  CHECK(count(bar({{"tls", 1}, {"failed", 0}}, 1'000'000), "<rect") == 1);
  CHECK(bar({{"tls", 1}}, 1'000'000).contains("width=\"4.0\""));
  CHECK(count(bar({{"tls", 1'000'000}, {"failed", 1}}, 1'000'001), "<rect") == 2);
  CHECK(count(bar({}, 0), "<rect") == 0);
}
