#include "service/metrics_text.h"

#include <fmt/format.h>

#include <iterator>

namespace starttls::service {

namespace {

std::string escape(std::string_view value) {
  std::string escaped;
  escaped.reserve(value.size());
  for (const char one : value) {
    if (one == '\n') {
      escaped += "\\n";
      continue;
    }
    if (one == '"' || one == '\\') escaped += '\\';
    escaped += one;
  }
  return escaped;
}

}  // namespace

std::string label(std::string_view name, std::string_view value) {
  return labels({{name, value}});
}

std::string labels(std::initializer_list<std::pair<std::string_view, std::string_view>> all) {
  std::string text = "{";
  for (const auto& [name, value] : all)
    fmt::format_to(std::back_inserter(text), R"({}{}="{}")", text.size() > 1 ? "," : "", name, escape(value));
  return text + "}";
}

void MetricsText::family(std::string_view name, std::string_view type, std::string_view help) {
  name_ = fmt::format("{}_{}", prefix_, name);
  fmt::format_to(std::back_inserter(text_), "# HELP {0} {1}\n# TYPE {0} {2}\n", name_, help, type);
}

void MetricsText::sample(std::string_view labels, std::uint64_t value) {
  fmt::format_to(std::back_inserter(text_), "{}{} {}\n", name_, labels, value);
}

void MetricsText::sample(std::string_view labels, double value) {
  fmt::format_to(std::back_inserter(text_), "{}{} {:.3f}\n", name_, labels, value);
}

void MetricsText::sample(std::string_view labels, Time value) {
  sample(labels, static_cast<double>(value.time_since_epoch().count()) / 1000);
}

}  // namespace starttls::service
