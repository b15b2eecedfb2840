// Charts for a page of HTML, without scripts. Colours are those of the page's style; texts are escaped. A
// chart is as wide as its container: the plot is SVG and is stretched; its texts are HTML and keep their
// size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace starttls::report {

// Numbers of days, in order and without gaps.
struct DayBars {
  std::string id;      // unique on the page, letters only
  std::string title;   // "Sessions in plaintext a day"
  std::string colour;  // the name of a custom property of the page's style: "tls"
  std::vector<Day> days;
  std::vector<std::uint64_t> values;
};
std::string to_html(const DayBars& chart);

// A line of shares in percent. A day without a share (negative) interrupts it. The axis begins below the
// lowest share, and a note says so if it does not begin at 0.
struct DayLine {
  std::string id;
  std::string title;
  std::string colour;
  std::vector<Day> days;
  std::vector<double> percent;
};
std::string to_html(const DayLine& chart);

// The axis of shares: from `min` to 100 percent.
struct ShareScale {
  double min = 0;
  double step = 25;
};
// The narrowest axis on which a share of `min_share` percent is still above the bottom.
ShareScale share_scale(double min_share);

// A bar without text, next to its figures. It consists of parts; `largest` is the whole width.
struct BarPart {
  std::string_view colour;
  std::uint64_t value = 0;
};
std::string bar(const std::vector<BarPart>& parts, std::uint64_t largest);

// Names with their colours.
std::string legend(const std::vector<std::pair<std::string, std::string>>& names_and_colours);

}  // namespace starttls::report
