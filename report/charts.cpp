#include "report/charts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <limits>

#include "base/saturated.h"
#include "html/text.h"

namespace starttls::report {
namespace {

// The units of a plot, which is stretched to its container.
constexpr double plot_width = 1000;
constexpr double plot_height = 200;

constexpr std::size_t min_gutter = 7;            // characters: plots below each other begin at one place
constexpr std::size_t max_day_labels = 7;        // if there is room; otherwise every second one
constexpr std::size_t max_days_with_gaps = 120;  // between their bars
constexpr std::size_t max_days_by_name = 180;    // labels of longer periods are months

template <class... Args>
void add(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

// The next number of 1, 2, 5, 10, ... that is not less. Numbers that no chart needs are returned unchanged.
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
  std::uint64_t max = 1;
};

// About four steps up to the largest value.
Scale scale_for(std::uint64_t largest) {
  const std::uint64_t step = round_up(std::max<std::uint64_t>(largest / 4 + (largest % 4 == 0 ? 0 : 1), 1));
  const std::uint64_t steps = std::max<std::uint64_t>(largest / step + (largest % step == 0 ? 0 : 1), 1);
  const std::uint64_t limit = std::numeric_limits<std::uint64_t>::max();
  return {.step = step, .max = steps > limit / step ? limit : step * steps};
}

// A number short enough for an axis: "20,000", "1.5 M".
std::string axis_number(std::uint64_t number) {
  if (number < 1'000'000) return html::grouped_digits(number);
  return fmt::format("{:.3g} M", static_cast<double>(number) / 1'000'000);
}

struct GridLine {
  double share = 0;  // of the height, from below
  std::string label;
};

std::string grid(const std::vector<GridLine>& lines) {
  std::string out;
  for (const GridLine& one : lines) {
    const double y = plot_height * (1 - one.share);
    add(out, R"svg(<line class="grid" x1="0" y1="{0:.1f}" x2="{1:.0f}" y2="{0:.1f}"/>)svg", y, plot_width);
  }
  return out + "\n";
}

std::string axis(const std::vector<GridLine>& lines) {
  std::string out = R"(<div class="values" aria-hidden="true">)";
  for (const GridLine& one : lines)
    add(out, R"html(<span style="bottom:{:.2f}%">{}</span>)html", 100 * one.share, html::text(one.label));
  return out + "</div>\n";
}

std::size_t widest_label(const std::vector<GridLine>& lines) {
  std::size_t widest = 1;
  for (const GridLine& one : lines) widest = std::max(widest, one.label.size());
  return widest;
}

// "7 Nov", or "Nov 2026"; English, whatever the locale.
std::string day_label(Day day, bool is_month) {
  constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                    "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::chrono::year_month_day date(day);
  const std::string_view month = months.at(static_cast<unsigned>(date.month()) - 1);
  return is_month ? fmt::format("{} {}", month, static_cast<int>(date.year()))
                  : fmt::format("{} {}", static_cast<unsigned>(date.day()), month);
}

double center(std::size_t day, std::size_t days) {
  return (static_cast<double>(day) + 0.5) / static_cast<double>(days);
}

// The newest day has a label, and as many other days as fit.
std::vector<std::size_t> labelled_days(std::size_t days) {
  const std::size_t each = std::max<std::size_t>((days + max_day_labels - 1) / max_day_labels, 1);
  std::vector<std::size_t> labelled;
  for (std::size_t back = 0; back < days; back += each) labelled.push_back(days - 1 - back);
  return labelled;
}

// A label is shifted left by a share of its width that grows along the axis, so that the first and the last
// stay within the plot.
std::string day_axis(const std::vector<Day>& days) {
  std::string out = R"(<div class="days" aria-hidden="true">)";
  std::size_t label = 0;
  for (const std::size_t day : labelled_days(days.size())) {
    const double place = 100 * center(day, days.size());
    // Narrow plots do not show minor labels.
    const std::string_view kind = label % 2 == 1   ? R"( class="minor")"
                                  : label % 4 == 2 ? R"( class="middle")"
                                                   : "";
    add(out, R"html(<span{} style="left:{:.2f}%;transform:translateX(-{:.2f}%)">{}</span>)html", kind, place,
        place, day_label(days[day], days.size() > max_days_by_name));
    ++label;
  }
  return out + "</div>\n";
}

struct ChartFrame {
  std::string id;
  std::string title;
  std::string description;
  std::string note;  // below the title; "": none
};

std::string in_frame(const ChartFrame& frame, const std::vector<Day>& days,
                     const std::vector<GridLine>& lines, const std::string& plot) {
  std::string out =
      fmt::format("<figure class=\"chart\"><figcaption><b>{}</b>{}</figcaption>\n", html::text(frame.title),
                  frame.note.empty() ? "" : " <span>" + html::text(frame.note) + "</span>");
  add(out, "<div class=\"plot\" style=\"--gutter:{}ch\">\n", std::max(widest_label(lines) + 2, min_gutter));
  out += axis(lines);
  add(out,
      R"svg(<svg viewBox="0 0 {:.0f} {:.0f}" preserveAspectRatio="none" role="img" aria-labelledby="{}Title {}Text">)svg",
      plot_width, plot_height, frame.id, frame.id);
  add(out, "<title id=\"{}Title\">{}</title><desc id=\"{}Text\">{}</desc>\n", frame.id,
      html::text(frame.title), frame.id, html::text(frame.description));
  return out + grid(lines) + plot + "</svg>\n" + day_axis(days) + "</div></figure>\n";
}

// A tooltip with the day and its figure, over the whole height of the plot.
std::string pointer_area(std::size_t day, std::size_t days, const std::string& text) {
  const double width = plot_width / static_cast<double>(days);
  return fmt::format(
      R"svg(<rect class="pointer" x="{:.2f}" y="0" width="{:.2f}" height="{:.0f}"><title>{}</title></rect>)svg"
      "\n",
      width * static_cast<double>(day), width, plot_height, html::text(text));
}

std::string share_text(double percent) {
  return fmt::format("{:.1f}%", percent);
}

// "97%", "99.25%"
std::string axis_share(double percent) {
  return fmt::format("{:g}%", percent);
}

std::string description(const DayBars& chart) {
  std::uint64_t total = 0;
  std::size_t largest = 0;
  for (std::size_t day = 0; day < chart.days.size(); ++day) {
    add_saturated(total, chart.values[day]);
    if (chart.values[day] > chart.values[largest]) largest = day;
  }
  return fmt::format("{} to {}: {} in all, most on {}: {}.", to_string(chart.days.front()),
                     to_string(chart.days.back()), html::grouped_digits(total),
                     to_string(chart.days[largest]), html::grouped_digits(chart.values[largest]));
}

std::string line_path(const DayLine& chart, const auto& y_of) {
  std::string path;
  bool is_begun = false;
  for (std::size_t day = 0; day < chart.days.size(); ++day) {
    if (chart.percent[day] < 0) {
      is_begun = false;
      continue;
    }
    add(path, "{}{:.1f} {:.1f}", is_begun ? "L" : "M", plot_width * center(day, chart.days.size()),
        y_of(chart.percent[day]));
    is_begun = true;
  }
  return path;
}

}  // namespace

std::string to_html(const DayBars& chart) {
  if (chart.days.empty()) return {};
  const Scale scale = scale_for(*std::ranges::max_element(chart.values));
  const auto share_of = [&](std::uint64_t value) {
    return static_cast<double>(value) / static_cast<double>(scale.max);
  };
  std::vector<GridLine> lines;
  for (std::uint64_t line = 0;; line += scale.step) {
    lines.push_back({.share = share_of(line), .label = axis_number(line)});
    if (scale.max - line < scale.step) break;
  }
  const double day_width = plot_width / static_cast<double>(chart.days.size());
  const double bar_width = chart.days.size() > max_days_with_gaps ? day_width : day_width * 0.78;
  std::string plot;
  for (std::size_t day = 0; day < chart.days.size(); ++day) {
    const double height = plot_height * share_of(chart.values[day]);
    if (chart.values[day] > 0) {
      add(plot, R"svg(<rect x="{:.2f}" y="{:.2f}" width="{:.2f}" height="{:.2f}" fill="var(--{})"/>)svg",
          day_width * static_cast<double>(day) + (day_width - bar_width) / 2, plot_height - height, bar_width,
          height, chart.colour);
    }
    plot += pointer_area(
        day, chart.days.size(),
        fmt::format("{}: {}", to_string(chart.days[day]), html::grouped_digits(chart.values[day])));
  }
  return in_frame({.id = chart.id, .title = chart.title, .description = description(chart), .note = {}},
                  chart.days, lines, plot);
}

ShareScale share_scale(double min_share) {
  constexpr std::array<ShareScale, 7> scales{{{.min = 99, .step = 0.25},
                                              {.min = 98, .step = 0.5},
                                              {.min = 95, .step = 1},
                                              {.min = 90, .step = 2},
                                              {.min = 80, .step = 5},
                                              {.min = 50, .step = 10},
                                              {.min = 0, .step = 25}}};
  // The axis extends below the lowest share by a tenth of its length.
  const auto* const found = std::ranges::find_if(
      scales, [&](const ShareScale& scale) { return min_share >= scale.min + (100 - scale.min) / 10; });
  return found == scales.end() ? scales.back() : *found;
}

std::string to_html(const DayLine& chart) {
  double lowest = 100;
  double highest = 0;
  for (const double percent : chart.percent) {
    if (percent < 0) continue;
    lowest = std::min(lowest, percent);
    highest = std::max(highest, percent);
  }
  if (chart.days.empty() || lowest > highest) return {};
  const ShareScale scale = share_scale(lowest);
  const auto share_of = [&](double percent) { return (percent - scale.min) / (100 - scale.min); };
  const auto y_of = [&](double percent) { return plot_height * (1 - share_of(percent)); };
  std::vector<GridLine> lines;
  for (int line = 0; scale.min + scale.step * line <= 100; ++line) {
    const double percent = scale.min + scale.step * line;
    lines.push_back({.share = share_of(percent), .label = axis_share(percent)});
  }
  const std::string path = line_path(chart, y_of);
  std::string plot =
      fmt::format("<path class=\"line\" stroke=\"var(--{})\" d=\"{}\"/>\n", chart.colour, path);
  for (std::size_t day = 0; day < chart.days.size(); ++day) {
    if (chart.percent[day] < 0) continue;
    // A line of length 0 with a round cap stays round when the plot is stretched; a circle does not.
    add(plot, R"svg(<path class="dot" stroke="var(--{})" d="M{:.1f} {:.1f}h0"/>)svg", chart.colour,
        plot_width * center(day, chart.days.size()), y_of(chart.percent[day]));
    plot += pointer_area(day, chart.days.size(),
                         fmt::format("{}: {}", to_string(chart.days[day]), share_text(chart.percent[day])));
  }
  std::string note;
  if (scale.min > 0) note = fmt::format("The axis starts at {:.0f}%, not at 0%.", scale.min);
  return in_frame(
      {.id = chart.id,
       .title = chart.title,
       .description = fmt::format("{} to {}: between {} and {}.", to_string(chart.days.front()),
                                  to_string(chart.days.back()), share_text(lowest), share_text(highest)),
       .note = std::move(note)},
      chart.days, lines, plot);
}

std::string bar(const std::vector<BarPart>& parts, std::uint64_t largest) {
  std::string out =
      R"svg(<svg class="bar" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">)svg";
  double x = 0;
  for (const BarPart& part : parts) {
    if (part.value == 0) continue;
    constexpr double min_visible = 4;
    const double length = std::max(
        1000 * static_cast<double>(part.value) / static_cast<double>(std::max<std::uint64_t>(largest, 1)),
        min_visible);
    add(out, R"svg(<rect x="{:.1f}" y="0" width="{:.1f}" height="10" fill="var(--{})"/>)svg", x,
        std::min(length, 1000 - x), part.colour);
    x = std::min(x + length, 1000 - min_visible);
  }
  return out + "</svg>";
}

std::string legend(const std::vector<std::pair<std::string, std::string>>& names_and_colours) {
  std::string out = R"(<ul class="legend">)";
  for (const auto& [name, colour] : names_and_colours)
    add(out, R"html(<li><i style="background:var(--{})"></i>{}</li>)html", colour, html::text(name));
  return out + "</ul>\n";
}

}  // namespace starttls::report
