#include "report/send_output.h"

#include <span>

#include "base/counted.h"
#include "base/text.h"
#include "json/json_text.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

std::string destinations_of(const Decision& decision) {
  if (decision.status != ReportStatus::reported)
    return fmt::format("none: {}", report_status_words.word(decision.status));
  std::string all;
  for (const tlsrpt::Destination& one : decision.destinations) all += (all.empty() ? "" : ", ") + one.uri();
  return all.empty() ? "by the record, looked up when it is sent" : printable(all, 300);
}

// One sentence for each reason why domains get no report.
std::string not_reported(const SendTotals& totals) {
  std::string text;
  for (const auto& [status, domains] : totals.domains) {
    if (status != ReportStatus::reported)
      text += fmt::format("{} without a report: {}.\n", counted(domains, "domain"), explanation_of(status));
  }
  if (totals.day.malformed > 0) {
    text +=
        fmt::format("Not counted: {} that could not be read.\n", counted(totals.day.malformed, "datagram"));
  }
  if (totals.day.left_out > 0) {
    text += fmt::format("Not counted: {} under policies beyond collector.max_policies.\n",
                        counted(totals.day.left_out, "session"));
  }
  return text;
}

void add_totals(json::JsonText& json, const SendTotals& totals) {
  json.object("domains", [&] {
    for (const auto& [status, word] : report_status_words.words) {
      const auto found = totals.domains.find(status);
      json.member(word, found == totals.domains.end() ? 0 : found->second);
    }
  });
  json.member("results", totals.day.results);
  json.member("malformed_datagrams", totals.day.malformed);
  json.member("left_out_sessions", totals.day.left_out);
}

std::string to_text(const QueuedDay& one) {
  if (!one.other_host.empty())
    return fmt::format("{} makes the reports about {}.\n", printable(one.other_host), to_string(one.day));
  return fmt::format("{} about {} queued.\n{}", counted(one.queued, "report"), to_string(one.day),
                     not_reported(one.totals));
}

}  // namespace

std::string to_text(const std::vector<PlannedReport>& lines, const SendTotals& totals, Day day) {
  if (totals.domains.empty()) {
    return fmt::format("No result of outbound mail was received on {}.\n{}", to_string(day),
                       not_reported(totals));
  }
  Table table{.head = {"Domain", "Sessions", "Failed", "Destinations"}};
  for (const PlannedReport& line : lines) {
    table.rows.push_back({printable(line.domain, 200), std::to_string(line.successful + line.failed),
                          std::to_string(line.failed), destinations_of(line.decision)});
  }
  std::string text = to_columns(table, output_width());
  std::uint64_t all = 0;
  for (const auto& [status, domains] : totals.domains) all += domains;
  if (all > lines.size()) text += fmt::format("... and {} more\n", all - lines.size());
  return text + not_reported(totals);
}

std::string to_json(const std::vector<PlannedReport>& lines, const SendTotals& totals, Day day) {
  json::JsonText json;
  json.object([&] {
    json.member("day", to_string(day));
    add_totals(json, totals);
    json.array("reports", [&] {
      for (const PlannedReport& line : lines) {
        json.object([&] {
          json.member("domain", line.domain);
          json.member("successful_sessions", line.successful);
          json.member("failed_sessions", line.failed);
          json.member("status", report_status_words.word(line.decision.status));
          json.array("destinations", [&] {
            for (const tlsrpt::Destination& one : line.decision.destinations) json.text(one.uri());
          });
        });
      }
    });
  });
  return json.take();
}

std::string to_text(const std::vector<QueuedDay>& days) {
  std::string text;
  for (const QueuedDay& one : days) text += to_text(one);
  return text;
}

std::string to_json(const std::vector<QueuedDay>& days) {
  json::JsonText json;
  json.object([&] {
    const QueuedDay& first = days.front();
    json.member("day", to_string(first.day));
    add_totals(json, first.totals);
    json.member("queued", first.queued);
    json.member("other_host", first.other_host);
    json.array("late_days", [&] {
      for (const QueuedDay& one : std::span(days).subspan(1)) {
        if (one.other_host.empty()) json.text(to_string(one.day));
      }
    });
  });
  return json.take();
}

}  // namespace starttls::report
