#include "report/outbound_summary.h"

#include <algorithm>
#include <ranges>
#include <utility>
#include <vector>

#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "json/json_text.h"
#include "outbound/open_store.h"
#include "report/tables.h"
#include "report/terminal.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_overview_domains = 20;

std::string title(outbound::GroupBy by) {
  switch (by) {
    case outbound::GroupBy::domain:
      return "Recipient domain";
    case outbound::GroupBy::policy:
      return "Policy";
    case outbound::GroupBy::result_type:
      return "Result type";
    case outbound::GroupBy::mx:
      return "MX host";
    case outbound::GroupBy::day:
      return "Day";
  }
  std::unreachable();
}

bool has_only_failures(outbound::GroupBy by) {
  return by == outbound::GroupBy::result_type || by == outbound::GroupBy::mx;
}

Table to_table(const outbound::Summary& summary, outbound::GroupBy by, std::size_t most) {
  const outbound::Groups& groups = summary.by(by);
  auto rows = by == outbound::GroupBy::day
                  ? std::vector<std::pair<std::string, outbound::Figures>>(groups.begin(), groups.end())
                  : outbound::worst_first(groups, most);
  Table table{.head =
                  has_only_failures(by)
                      ? std::vector<std::string>{title(by), "Failed", "In testing", "Last day"}
                      : std::vector<std::string>{title(by), "Sessions", "Failed", "Failed %", "In testing"}};
  for (const auto& [name, f] : rows) {
    if (has_only_failures(by)) {
      table.rows.push_back({printable(name, 200), std::to_string(f.failed),
                            std::to_string(f.failed_in_testing),
                            f.last_failed ? to_string(*f.last_failed) : "-"});
    } else {
      table.rows.push_back({printable(name, 200), std::to_string(f.all()), std::to_string(f.failed),
                            percent(f.failed, f.all()), std::to_string(f.failed_in_testing)});
    }
  }
  return table;
}

std::string prose(std::string_view text) {
  return paragraph("", text, std::min(prose_width, output_width().value_or(prose_width)));
}

// The domains whose mail would have been deferred, and what to do about them.
std::string deferred_with_enforce(const OutboundContent& content) {
  const auto domains = outbound::failing_in_testing(content.summary.by(outbound::GroupBy::domain));
  Table table{.head = {title(outbound::GroupBy::domain), "Sessions", "Deferred"}, .rows = {}};
  for (const auto& [name, f] : domains | std::views::take(max_overview_domains)) {
    table.rows.push_back(
        {printable(name, 200), std::to_string(f.all()), std::to_string(f.failed_in_testing)});
  }
  std::string text = "\n" + to_columns(table, output_width());
  if (domains.size() > max_overview_domains)
    text += fmt::format("and {} more\n", domains.size() - max_overview_domains);
  return text + prose(
                    "Until their MX hosts are mended, do not enforce their policies by an override. "
                    "\"starttls-listtool check DOMAIN\" shows what is wrong, \"tlsrpt-report send\" reports "
                    "it to those that ask for reports, and the others need a mail to their postmaster.");
}

// What the tables do not show. `lists_domains`: whether it lists those that have failures in testing.
std::string remarks(const OutboundContent& content, bool lists_domains) {
  std::string text;
  const outbound::Figures& total = content.summary.total();
  if (total.failed_in_testing > 0) {
    text += "\n" + prose(fmt::format(
                       "With mode enforce instead of testing, mail would have been deferred: {} of {}.",
                       total.failed_in_testing, counted(total.all(), "session")));
    if (lists_domains) text += deferred_with_enforce(content);
  }
  if (content.days.malformed > 0)
    text += "\n" + prose(counted(content.days.malformed, "datagram") + " could not be read.");
  if (content.days.left_out > 0) {
    text += "\n" + prose(fmt::format("{} are left out: a day had more policies than collector.max_policies.",
                                     counted(content.days.left_out, "session")));
  }
  return text;
}

std::string to_text(const OutboundContent& content, const OutboundRequest& request) {
  if (!content.why_empty.empty()) return prose(content.why_empty);
  const OutputWidth width = output_width();
  const bool is_one_day = request.period.since == request.period.until;
  const std::string days =
      is_one_day ? to_string(request.period.since)
                 : fmt::format("{} to {}", to_string(request.period.since), to_string(request.period.until));
  std::string text = fmt::format("Outbound sessions{} {} (UTC)\n\n",
                                 request.domain ? " to " + printable(*request.domain) : "", days);
  if (request.by)
    return text +
           to_columns(to_table(content.summary, *request.by, content.summary.by(*request.by).size()), width) +
           remarks(content, false);
  text += to_columns(to_table(content.summary, outbound::GroupBy::policy, max_overview_domains), width);
  if (!content.summary.by(outbound::GroupBy::result_type).empty()) {
    text += "\n" + to_columns(to_table(content.summary, outbound::GroupBy::result_type, max_overview_domains),
                              width);
  }
  if (!request.domain) {
    text +=
        "\n" + to_columns(to_table(content.summary, outbound::GroupBy::domain, max_overview_domains), width);
    const std::size_t domains = content.summary.by(outbound::GroupBy::domain).size();
    if (domains > max_overview_domains) {
      text += fmt::format("and {} more: tlsrpt-report summary --outbound --by domain\n",
                          domains - max_overview_domains);
    }
  }
  return text + remarks(content, !request.domain);
}

void to_json(json::JsonText& json, const outbound::Figures& f) {
  json.member("sessions", f.all());
  json.member("successful", f.successful);
  json.member("failed", f.failed);
  json.member("failed_in_testing", f.failed_in_testing);
  if (f.last) json.member("last_day", to_string(*f.last));
  if (f.last_failed) json.member("last_failed_day", to_string(*f.last_failed));
}

void groups_to_json(json::JsonText& json, const char* key, const outbound::Groups& groups) {
  json.array(key, [&] {
    for (const auto& [name, figures] : groups) {
      json.object([&] {
        json.member("group", name);
        to_json(json, figures);
      });
    }
  });
}

std::string to_json(const OutboundContent& content, const OutboundRequest& request) {
  json::JsonText json;
  json.object([&] {
    json.member("since", to_string(request.period.since));
    json.member("until", to_string(request.period.until));
    json.key("domain");
    request.domain ? json.text(*request.domain) : json.null();
    json.object("total", [&] { to_json(json, content.summary.total()); });
    json.member("malformed_datagrams", content.days.malformed);
    json.member("left_out_sessions", content.days.left_out);
    if (request.by) return groups_to_json(json, "groups", content.summary.by(*request.by));
    groups_to_json(json, "policies", content.summary.by(outbound::GroupBy::policy));
    groups_to_json(json, "result_types", content.summary.by(outbound::GroupBy::result_type));
    groups_to_json(json, "domains", content.summary.by(outbound::GroupBy::domain));
  });
  return json.take();
}

}  // namespace

Result<OutboundContent> read_outbound(const Context& context, const store::Period& period,
                                      const std::optional<std::string>& domain) {
  OutboundContent content;
  const auto days = outbound::read_counts(
      store_location(context.configuration), period, domain.value_or(""),
      [&](const outbound::PolicyOfDay& of, const outbound::PolicyCount& count) -> Result<void> {
        content.summary.add(of, count);
        return {};
      });
  if (!days) {
    if (days.error().fault != Fault::unavailable) return std::unexpected(days.error());
    content.why_empty = days.error().message;
    return content;
  }
  content.was_received = true;
  for (const auto& [day, total] : *days) content.days += total;
  if (content.summary.total().all() == 0)
    content.why_empty = "There was no result of outbound mail on these days" +
                        (domain ? " to " + printable(*domain) : std::string()) + ".";
  return content;
}

Result<std::string> outbound_summary(const OutboundRequest& request, const Context& context) {
  const OutboundContent content = TRY(read_outbound(context, request.period, request.domain));
  if (request.csv) {
    const outbound::GroupBy by = request.by.value_or(outbound::GroupBy::domain);
    return to_csv(to_table(content.summary, by, content.summary.by(by).size()));
  }
  return context.json ? to_json(content, request) : to_text(content, request);
}

}  // namespace starttls::report
