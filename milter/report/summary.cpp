#include <algorithm>
#include <ranges>

#include "base/cli.h"
#include "base/text.h"
#include "json/json_text.h"
#include "milter/report/commands.h"
#include "milter/report/summary_figures.h"
#include "milter/report/tables.h"
#include "store/ledger.h"

namespace starttls::milter {
namespace {

using store::DailyCounts;
using store::Period;

struct Request {
  Period period;
  std::optional<std::string> domain;
};

Result<Request> request_of(const SummaryOptions& options, const Clock& clock) {
  const auto period = period_argument(options.since, options.until, std::chrono::days{6}, clock);
  if (!period) return std::unexpected(period.error());
  const auto domain = domain_argument(options.domain);
  if (!domain) return std::unexpected(domain.error());
  return Request{.period = *period, .domain = *domain};
}

std::string headline(const Request& request) {
  const std::string of = request.domain ? " for " + *request.domain : "";
  if (request.period.since == request.period.until) {
    return fmt::format("Inbound sessions{} on {} (UTC)\n\n", of, to_text(request.period.since));
  }
  return fmt::format("Inbound sessions{} from {} to {} (UTC)\n\n", of, to_text(request.period.since),
                     to_text(request.period.until));
}

std::string title_of(Grouping by) {
  switch (by) {
    case Grouping::protection:
      return "Protection";
    case Grouping::day:
      return "Day";
    case Grouping::domain:
      return "Policy domain";
    case Grouping::sender:
      return "Sending MTA";
    case Grouping::mx:
      return "Our MX host";
    case Grouping::cipher:
      return "Cipher";
    case Grouping::failure:
      return "Failed handshake";
  }
  std::unreachable();
}

// How each kind of session is told to a person; TLS versions stand for themselves.
std::string protection_label(const std::string& protection) {
  if (protection == "no-mail") return "no TLS, no mail";
  if (protection == "no-helo") return "left before HELO";
  if (protection == "failed") return "TLS handshake failed";
  return protection;
}

std::string protection_table(const DailyCounts& counts, const Request& request) {
  const GroupedFigures groups = group(counts, Grouping::protection, request.domain);
  const std::uint64_t whole = sum(groups).sessions;
  std::vector<std::vector<std::string>> rows;
  const auto add_row = [&](const std::string& protection, const Figures& f) {
    rows.push_back({protection_label(printable(protection)), std::to_string(f.sessions),
                    percent(f.sessions, whole), std::to_string(f.messages)});
  };
  // The newest TLS version first, then what was not encrypted.
  for (const auto& [protection, f] : std::views::reverse(groups)) {
    if (f.tls > 0) add_row(protection, f);
  }
  for (const auto& [protection, f] : groups) {
    if (f.tls == 0) add_row(protection, f);
  }
  return table({"Protection", "Sessions", "Share", "Messages"}, rows, output_width());
}

std::string group_table(const DailyCounts& counts, Grouping by, const Request& request) {
  const GroupedFigures groups = group(counts, by, request.domain);
  std::vector<std::pair<std::string, Figures>> sorted(groups.begin(), groups.end());
  if (by == Grouping::sender) {
    // Who still sends in the clear is what one asks for.
    std::ranges::stable_sort(sorted, std::ranges::greater(),
                             [](const auto& g) { return g.second.plaintext; });
  }
  std::vector<std::vector<std::string>> rows;
  rows.reserve(sorted.size());
  for (const auto& [name, f] : sorted) {
    rows.push_back({printable(name), std::to_string(f.sessions), std::to_string(f.tls),
                    std::to_string(f.plaintext), std::to_string(f.failed),
                    std::to_string(f.no_mail + f.no_helo), percent(f.tls, f.tls + f.plaintext),
                    std::to_string(f.messages)});
  }
  return table({title_of(by), "Sessions", "TLS", "Plaintext", "Failed", "Neither", "TLS %", "Messages"}, rows,
               output_width());
}

std::string overview(const DailyCounts& counts, const Request& request) {
  std::string out = headline(request) + protection_table(counts, request);
  if (!request.domain) out += "\n" + group_table(counts, Grouping::domain, request);
  return out;
}

void put(JsonText& json, const Figures& f) {
  json.member("sessions", f.sessions);
  json.member("tls", f.tls);
  json.member("plaintext", f.plaintext);
  json.member("no_mail", f.no_mail);
  json.member("no_helo", f.no_helo);
  json.member("failed", f.failed);
  json.member("messages", f.messages);
}

void put_groups(JsonText& json, const char* key, const GroupedFigures& groups) {
  json.key(key);
  json.begin_array();
  for (const auto& [name, figures] : groups) {
    json.begin_object();
    json.member("group", name);
    put(json, figures);
    json.end_object();
  }
  json.end_array();
}

std::string to_json(const DailyCounts& counts, const std::optional<Grouping>& by, const Request& request) {
  JsonText json;
  json.begin_object();
  json.member("since", to_text(request.period.since));
  json.member("until", to_text(request.period.until));
  json.key("domain");
  request.domain ? json.text(*request.domain) : json.null();
  json.key("total");
  json.begin_object();
  put(json, sum(group(counts, Grouping::protection, request.domain)));
  json.end_object();
  if (by) {
    put_groups(json, "groups", group(counts, *by, request.domain));
  } else {
    put_groups(json, "protection", group(counts, Grouping::protection, request.domain));
    put_groups(json, "domains", group(counts, Grouping::domain, request.domain));
  }
  json.end_object();
  return json.take();
}

std::string to_tables(const DailyCounts& counts, const std::optional<Grouping>& by, const Request& request) {
  if (!by) return overview(counts, request);
  if (*by == Grouping::protection) return headline(request) + protection_table(counts, request);
  return headline(request) + group_table(counts, *by, request);
}

}  // namespace

void add_summary_command(CLI::App& app, SummaryOptions& options) {
  auto* command = app.add_subcommand("summary", "How inbound sessions were protected, as tables");
  command->add_option("--since", options.since, "First day (default: six days before the last)")
      ->type_name("DAY");
  command->add_option("--until", options.until, "Last day: YYYY-MM-DD, today (default) or yesterday")
      ->type_name("DAY");
  command->add_option("--domain", options.domain, "Only sessions with a recipient there")
      ->type_name("DOMAIN");
  command->add_option("--by", options.by, "protection, day, domain, sender, mx, cipher or failure")
      ->type_name("WHAT");
  command->footer("Example:\n  tlsrpt-report summary --since 2026-11-01 --by sender");
}

Result<int> run_summary(const SummaryOptions& options, const Surroundings& surroundings) {
  const auto request = request_of(options, surroundings.clock);
  if (!request) return std::unexpected(request.error());
  std::optional<Grouping> by;
  if (!options.by.empty()) {
    const auto parsed = parse_grouping(options.by);
    if (!parsed) return std::unexpected(parsed.error());
    by = *parsed;
  }
  const auto counts = store::read_counts(place_of(surroundings.configuration), request->period);
  if (!counts) return std::unexpected(counts.error());
  auto printed = print(surroundings.json ? to_json(*counts, by, *request) : to_tables(*counts, by, *request));
  if (!printed) return std::unexpected(printed.error());
  return 0;
}

}  // namespace starttls::milter
