// Charts as SVG within a page of HTML: no scripts, colours from the page's style, texts escaped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace starttls::milter {

// The text for a place in HTML, also within an attribute in quotes: nothing in it is markup, and nothing in
// it disturbs the page (see printable()).
std::string html_text(std::string_view text);

// "1,234,567"
std::string grouped_digits(std::uint64_t number);

// What a part of a bar stands for. `colour` is the name of a custom property of the page's style: "tls".
struct Series {
  std::string name;
  std::string colour;
};

// Bars that stand on the days, one for each, made of parts that add up.
struct DayBars {
  std::string title;  // for those who cannot see it
  std::string axis;   // "Sessions a day"
  std::vector<Series> series;
  std::vector<Day> days;
  std::vector<std::vector<std::uint64_t>> values;  // of each day, a number for each series
};
std::string to_svg(const DayBars& chart);

// A line of shares, from 0 to 100 percent; a day without a share (negative) interrupts it.
struct DayLine {
  std::string title;
  std::string axis;
  std::string colour;
  std::vector<Day> days;
  std::vector<double> percent;
};
std::string to_svg(const DayLine& chart);

// Bars that lie below each other, each with its name above it; made of parts that add up.
struct NamedBars {
  std::string title;
  std::string axis;
  std::vector<Series> series;
  struct Bar {
    std::string name;
    std::vector<std::uint64_t> values;
  };
  std::vector<Bar> bars;
};
std::string to_svg(const NamedBars& chart);

// The names of the series beside their colours; "" where there is only one.
std::string legend(const std::vector<Series>& series);

}  // namespace starttls::milter
