#include "milter/report/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <limits>

#include "base/saturated.h"
#include "base/text.h"

namespace starttls::milter {
namespace {

// All in the units of the viewBox, which are pixels where the page is 720 wide.
constexpr double width = 720;
constexpr double left = 64;  // for the numbers of the axis
constexpr double right = 12;
constexpr double top = 24;  // for the axis' name
constexpr double plot_height = 180;
constexpr double bottom = 28;  // for the days
constexpr double row_height = 36;
constexpr std::size_t most_name = 90;  // bytes of a bar's name; the table has all of it

template <class... Args>
void add(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

std::string begin_svg(const std::string& title, double height) {
  return fmt::format(
      R"svg(<div class="chart"><svg viewBox="0 0 {:.0f} {:.0f}" role="img" aria-label="{}"><title>{}</title>)svg"
      "\n",
      width, height, html_text(title), html_text(title));
}

// The next number of the kind 1, 2, 5, 10, ... that is not less, but for numbers beyond all charts.
std::uint64_t round_up(std::uint64_t number) {
  for (std::uint64_t step = 1; step < std::numeric_limits<std::uint64_t>::max() / 50; step *= 10) {
    for (const std::uint64_t factor : {1U, 2U, 5U}) {
      if (factor * step >= number) return factor * step;
    }
  }
  return number;
}

struct Scale {
  std::uint64_t step = 1;  // between two lines of the grid
  std::uint64_t most = 1;
};

// Some four steps up to the largest value.
Scale scale_for(std::uint64_t largest) {
  const std::uint64_t step = round_up(std::max<std::uint64_t>((largest + 3) / 4, 1));
  return {.step = step, .most = step * std::max<std::uint64_t>((largest + step - 1) / step, 1)};
}

// A number short enough for an axis: "20,000", "1.5 M".
std::string axis_number(std::uint64_t number) {
  if (number < 1'000'000) return grouped_digits(number);
  return fmt::format("{:.3g} M", static_cast<double>(number) / 1'000'000);
}

void add_grid_line(std::string& out, double y, std::string_view label) {
  add(out, R"svg(<line class="grid" x1="{:.1f}" y1="{:.1f}" x2="{:.1f}" y2="{:.1f}"/>)svg", left, y,
      width - right, y);
  add(out,
      R"svg(<text class="number" x="{:.1f}" y="{:.1f}">{}</text>)svg"
      "\n",
      left - 6, y + 4, label);
}

double x_of(std::size_t day, std::size_t days) {
  return left + (width - left - right) * static_cast<double>(day) /
                    static_cast<double>(std::max<std::size_t>(days, 1));
}

// As many days are named as there is room for.
void add_days(std::string& out, const std::vector<Day>& days, double y) {
  constexpr double label_width = 84;
  const auto room = static_cast<std::size_t>((width - left - right) / label_width);
  const std::size_t each = std::max<std::size_t>((days.size() + room - 1) / room, 1);
  const double day_width = x_of(1, days.size()) - left;
  for (std::size_t at = 0; at < days.size(); at += each) {
    const double x = x_of(at, days.size());
    // One that would stand over the edge is left out.
    if (x + label_width > width + 6) break;
    add(out, R"svg(<line class="tick" x1="{0:.1f}" y1="{1:.1f}" x2="{0:.1f}" y2="{2:.1f}"/>)svg",
        x + day_width / 2, y, y + 4);
    add(out,
        R"svg(<text class="day" x="{:.1f}" y="{:.1f}">{}</text>)svg"
        "\n",
        std::max(x, left), y + 18, to_text(days[at]));
  }
}

std::string axis_name(const std::string& name, double x) {
  return fmt::format(R"svg(<text class="axis" x="{:.1f}" y="14">{}</text>)svg"
                     "\n",
                     x, html_text(name));
}

std::uint64_t total_of(const std::vector<std::uint64_t>& values) {
  std::uint64_t total = 0;
  for (const std::uint64_t value : values) add_saturated(total, value);
  return total;
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : printable(text, 10'000)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string grouped_digits(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

std::string to_svg(const DayBars& chart) {
  std::uint64_t largest = 0;
  for (const auto& values : chart.values) largest = std::max(largest, total_of(values));
  const Scale scale = scale_for(largest);
  const double floor = top + plot_height;
  const auto height_of = [&](std::uint64_t value) {
    return plot_height * static_cast<double>(value) / static_cast<double>(scale.most);
  };
  std::string out = begin_svg(chart.title, floor + bottom) + axis_name(chart.axis, 0);
  for (std::uint64_t line = 0; line <= scale.most; line += scale.step) {
    add_grid_line(out, floor - height_of(line), axis_number(line));
  }
  const double day_width = x_of(1, chart.days.size()) - left;
  const double bar_width = std::min(std::max(day_width * 0.8, 1.0), 40.0);
  for (std::size_t day = 0; day < chart.days.size(); ++day) {
    double y = floor;
    add(out, "<g><title>{}", to_text(chart.days[day]));
    for (std::size_t part = 0; part < chart.series.size(); ++part) {
      add(out, "\n{}: {}", html_text(chart.series[part].name), grouped_digits(chart.values[day][part]));
    }
    out += "</title>";
    for (std::size_t part = 0; part < chart.series.size(); ++part) {
      const double height = height_of(chart.values[day][part]);
      if (chart.values[day][part] == 0) continue;
      y -= height;
      add(out, R"svg(<rect x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}" fill="var(--{})"/>)svg",
          x_of(day, chart.days.size()) + (day_width - bar_width) / 2, y, bar_width, height,
          chart.series[part].colour);
    }
    out += "</g>\n";
  }
  add_days(out, chart.days, floor);
  return out + "</svg></div>\n";
}

std::string to_svg(const DayLine& chart) {
  const double floor = top + plot_height;
  const double day_width = x_of(1, chart.days.size()) - left;
  std::string out = begin_svg(chart.title, floor + bottom) + axis_name(chart.axis, 0);
  for (const int line : {0, 25, 50, 75, 100}) {
    add_grid_line(out, floor - plot_height * line / 100, fmt::format("{}%", line));
  }
  std::string points;
  std::string dots;
  const auto end_line = [&] {
    if (!points.empty()) {
      add(out,
          R"svg(<polyline class="line" stroke="var(--{})" points="{}"/>)svg"
          "\n",
          chart.colour, points);
    }
    points.clear();
  };
  for (std::size_t day = 0; day < chart.days.size(); ++day) {
    if (chart.percent[day] < 0) {
      end_line();
      continue;
    }
    const double x = x_of(day, chart.days.size()) + day_width / 2;
    const double y = floor - plot_height * std::min(chart.percent[day], 100.0) / 100;
    add(points, "{:.1f},{:.1f} ", x, y);
    add(dots,
        R"svg(<circle cx="{:.1f}" cy="{:.1f}" r="{}" fill="var(--{})"><title>{}: {:.1f}%</title></circle>)svg"
        "\n",
        x, y, chart.days.size() > 60 ? 2 : 3, chart.colour, to_text(chart.days[day]), chart.percent[day]);
  }
  end_line();
  out += dots;
  add_days(out, chart.days, floor);
  return out + "</svg></div>\n";
}

std::string to_svg(const NamedBars& chart) {
  std::uint64_t largest = 1;
  for (const auto& bar : chart.bars) largest = std::max(largest, total_of(bar.values));
  constexpr double number_width = 84;
  const double room = width - right - number_width;
  std::string out = begin_svg(chart.title, top + row_height * static_cast<double>(chart.bars.size()) + 4) +
                    axis_name(chart.axis, 0);
  double y = top;
  for (const auto& bar : chart.bars) {
    std::string name =
        html_text(bar.name.size() > most_name ? bar.name.substr(0, most_name) + "..." : bar.name);
    add(out, R"svg(<text class="name" x="0" y="{:.1f}">{}</text>)svg", y + 13, name);
    double x = 0;
    for (std::size_t part = 0; part < chart.series.size(); ++part) {
      const double length = room * static_cast<double>(bar.values[part]) / static_cast<double>(largest);
      if (bar.values[part] == 0) continue;
      add(out,
          R"svg(<rect x="{:.2f}" y="{:.1f}" width="{:.2f}" height="11" fill="var(--{})"><title>{}: {}</title></rect>)svg",
          x, y + 18, std::max(length, 1.0), chart.series[part].colour, html_text(chart.series[part].name),
          grouped_digits(bar.values[part]));
      x += std::max(length, 1.0);
    }
    add(out,
        R"svg(<text class="value" x="{:.1f}" y="{:.1f}">{}</text>)svg"
        "\n",
        x + 6, y + 28, grouped_digits(total_of(bar.values)));
    y += row_height;
  }
  return out + "</svg></div>\n";
}

std::string legend(const std::vector<Series>& series) {
  if (series.size() < 2) return {};
  std::string out = "<ul class=\"legend\">";
  for (const Series& one : series) {
    add(out, R"svg(<li><span style="background: var(--{})"></span>{}</li>)svg", one.colour,
        html_text(one.name));
  }
  return out + "</ul>\n";
}

}  // namespace starttls::milter
