// The text of a metrics page in Prometheus' exposition format (version 0.0.4).
//
//   MetricsText text("tlsrpt_milter");
//   text.family("sessions_total", "counter", "Sessions that ended.");
//   text.sample(label("outcome", "tls"), 7);
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/clock.h"
#include "base/version.h"

namespace starttls::service {

inline constexpr const char* metrics_path = "/metrics";
inline constexpr const char* metrics_type = "text/plain; version=0.0.4; charset=utf-8";

// {name="value"}, and {name="value",other="value"}. Values are escaped.
std::string label(std::string_view name, std::string_view value);
std::string labels(std::initializer_list<std::pair<std::string_view, std::string_view>> all);

class MetricsText {
 public:
  // Every name begins with the prefix and "_".
  explicit MetricsText(std::string_view prefix) : prefix_(prefix) {}

  // The head of a family, which its samples follow. `type`: "counter", "gauge".
  void family(std::string_view name, std::string_view type, std::string_view help);
  // `labels`: "" or "{name="value",...}", escaped already. A time is in seconds since 1970 (UTC).
  void sample(std::string_view labels, std::uint64_t value);
  void sample(std::string_view labels, double value);
  void sample(std::string_view labels, Time value);
  template <class Value>
  void sample(Value value) {
    sample(std::string_view(), value);
  }

  std::string take() { return std::move(text_); }

 private:
  std::string prefix_;
  std::string name_;
  std::string text_;
};

inline constexpr std::string_view counter = "counter";
inline constexpr std::string_view gauge = "gauge";

// A metric, declared in one place: the page comes from tables of these.
//
//   template <auto member>
//   void of_counters(MetricsText& text, const State& state) { text.sample(state.counters.*member); }
//
//   constexpr std::array metrics{
//       Metric<State>{"requests_total", counter, "Requests that were answered.",
//                     of_counters<&Counters::requests>}};
template <class State>
struct Metric {
  std::string_view name;  // without the prefix
  std::string_view type;
  std::string_view help;
  void (*add_samples)(MetricsText& text, const State& state);
};

// The metric that each daemon has last.
template <class State>
inline constexpr Metric<State> version_metric{
    "info", gauge, "The version.",
    [](MetricsText& text, const State&) { text.sample(label("version", version()), std::uint64_t{1}); }};

template <class State>
void add_metrics(MetricsText& text, std::span<const Metric<State>> metrics, const State& state) {
  for (const Metric<State>& metric : metrics) {
    text.family(metric.name, metric.type, metric.help);
    metric.add_samples(text, state);
  }
}

}  // namespace starttls::service
