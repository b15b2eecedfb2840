// The text of a metrics page in Prometheus' exposition format (version 0.0.4).
//
//   MetricsText text("starttls_listtool");
//   text.counter("requests_total", 5, "Requests that were answered.");
//   text.family("sessions_total", "counter", "Sessions that ended.");
//   text.sample(R"({outcome="tls"})", 7);
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace starttls::service {

inline constexpr const char* metrics_path = "/metrics";
inline constexpr const char* metrics_type = "text/plain; version=0.0.4; charset=utf-8";

class MetricsText {
 public:
  // Every name begins with the prefix and "_".
  explicit MetricsText(std::string_view prefix) : prefix_(prefix) {}

  // The head of a family, which its samples follow. `type`: "counter", "gauge".
  void family(std::string_view name, std::string_view type, std::string_view help);
  // `labels`: "" or "{name="value",...}", escaped already.
  void sample(std::string_view labels, std::uint64_t value);
  void sample(std::string_view labels, double value);
  void sample(std::uint64_t value) { sample("", value); }
  void sample(double value) { sample("", value); }

  // Families of one sample.
  void counter(std::string_view name, std::uint64_t value, std::string_view help);
  void gauge(std::string_view name, std::uint64_t value, std::string_view help);
  void gauge(std::string_view name, double value, std::string_view help);

  std::string take() { return std::move(text_); }

 private:
  std::string prefix_;
  std::string name_;
  std::string text_;
};

// A metric, declared in one place: the page comes from tables of these.
//
//   constexpr std::array metrics{Metric<State>{
//       "requests_total", "counter", "Requests that were answered.",
//       [](MetricsText& text, const State& state) { text.sample(state.requests); }}};
template <class State>
struct Metric {
  std::string_view name;  // without the prefix
  std::string_view type;
  std::string_view help;
  void (*add_samples)(MetricsText& text, const State& state);
};

template <class State>
void add_metrics(MetricsText& text, std::span<const Metric<State>> metrics, const State& state) {
  for (const Metric<State>& metric : metrics) {
    text.family(metric.name, metric.type, metric.help);
    metric.add_samples(text, state);
  }
}

}  // namespace starttls::service
