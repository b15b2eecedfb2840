#include <algorithm>
#include <array>
#include <ranges>

#include "base/cli.h"
#include "base/text.h"
#include "json/json_text.h"
#include "milter/report/commands.h"
#include "milter/report/received_figures.h"
#include "milter/report/summary_figures.h"
#include "milter/report/tables.h"
#include "store/ledger.h"

namespace starttls::milter {
namespace {

using store::Period;

// What can be shown: our own sessions in groups, or what others report.
enum class ReceivedBy { reporter, result_type };
constexpr std::array<std::pair<std::string_view, ReceivedBy>, 2> received_words{
    {{"reporter", ReceivedBy::reporter}, {"result-type", ReceivedBy::result_type}}};

struct Request {
  Period period;
  std::optional<std::string> domain;
  std::optional<Grouping> sessions_by;
  std::optional<ReceivedBy> received_by;

  bool is_overview() const { return !sessions_by && !received_by; }
};

Result<Request> request_of(const SummaryOptions& options, const Clock& clock) {
  const auto period = period_argument(options.since, options.until, std::chrono::days{6}, clock);
  if (!period) return std::unexpected(period.error());
  const auto domain = domain_argument(options.domain);
  if (!domain) return std::unexpected(domain.error());
  Request request{.period = *period, .domain = *domain};
  if (options.by.empty()) return request;
  request.sessions_by = parse_grouping(options.by);
  const auto received =
      std::ranges::find(received_words, options.by, [](const auto& word) { return word.first; });
  if (received != received_words.end()) request.received_by = received->second;
  if (!request.is_overview()) return request;
  return fail(
      Fault::usage,
      "--by: '{}' is none of protection, day, domain, sender, mx, cipher, failure, reporter, result-type",
      printable(options.by));
}

// Everything that the request needs, read once.
struct Content {
  GroupedFigures protection;  // of an overview, as is the next
  GroupedFigures domains;
  GroupedFigures sessions;  // by what was asked for
  ReceivedFigures received;
};

Result<Content> read_content(const Request& request, const Surroundings& surroundings) {
  const Configuration& configuration = surroundings.configuration;
  Content content;
  OurFacts facts = our_facts(surroundings, request.domain);
  Groups protection(Grouping::protection, request.domain);
  Groups domains(Grouping::domain, request.domain);
  Groups sessions(request.sessions_by.value_or(Grouping::protection), request.domain);
  Result<void> done;
  if (request.sessions_by) {
    done = read_sessions(configuration, request.period,
                         [&](const auto& of, const auto& count) { sessions.add(of, count); });
  } else if (request.is_overview() || !facts.domains.empty()) {
    done = read_sessions(configuration, request.period, [&](const auto& of, const auto& count) {
      facts.add(of, count);
      if (!request.is_overview()) return;
      protection.add(of, count);
      domains.add(of, count);
    });
  }
  // What others report is there without a milter, too.
  if (!done && request.received_by && done.error().fault == Fault::unavailable) done = {};
  if (done && !request.sessions_by) {
    done = read_received(configuration, facts, request.period, request.domain,
                         [&](const Reported& reported) { content.received.add(reported); });
  }
  if (!done) return std::unexpected(done.error());
  content.protection = protection.figures();
  content.domains = domains.figures();
  content.sessions = sessions.figures();
  return content;
}

std::string headline(std::string_view what, const Request& request) {
  const std::string of = request.domain ? " for " + *request.domain : "";
  if (request.period.since == request.period.until) {
    return fmt::format("{}{} on {} (UTC)\n\n", what, of, to_text(request.period.since));
  }
  return fmt::format("{}{} from {} to {} (UTC)\n\n", what, of, to_text(request.period.since),
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

Table protection_table(const GroupedFigures& groups) {
  const std::uint64_t whole = sum(groups).sessions;
  Table table{.head = {"Protection", "Sessions", "Share", "Messages"}};
  const auto add_row = [&](const std::string& protection, const Figures& f) {
    table.rows.push_back({protection_label(printable(protection)), std::to_string(f.sessions),
                          percent(f.sessions, whole), std::to_string(f.messages)});
  };
  // The newest TLS version first, then what was not encrypted.
  for (const auto& [protection, f] : std::views::reverse(groups)) {
    if (f.tls > 0) add_row(protection, f);
  }
  for (const auto& [protection, f] : groups) {
    if (f.tls == 0) add_row(protection, f);
  }
  return table;
}

Table group_table(const GroupedFigures& groups, Grouping by) {
  if (by == Grouping::protection) return protection_table(groups);
  std::vector<std::pair<std::string, Figures>> sorted(groups.begin(), groups.end());
  if (by == Grouping::sender) {
    // Who still sends in the clear is what one asks for.
    std::ranges::stable_sort(sorted, std::ranges::greater(),
                             [](const auto& g) { return g.second.plaintext; });
  }
  Table table{
      .head = {title_of(by), "Sessions", "TLS", "Plaintext", "Failed", "Neither", "TLS %", "Messages"}};
  table.rows.reserve(sorted.size());
  for (const auto& [name, f] : sorted) {
    table.rows.push_back({printable(name), std::to_string(f.sessions), std::to_string(f.tls),
                          std::to_string(f.plaintext), std::to_string(f.failed),
                          std::to_string(f.no_mail + f.no_helo), percent(f.tls, f.tls + f.plaintext),
                          std::to_string(f.messages)});
  }
  return table;
}

Table reporter_table(const ReceivedFigures& received) {
  Table table{.head = {"Reporter", "Reports", "Sessions", "Failed", "Failed %", "Last day"}};
  for (const auto& [name, f] : received.reporters()) {
    table.rows.push_back({shown_reporter(name), std::to_string(f.reports), std::to_string(f.sessions.all()),
                          std::to_string(f.sessions.failed), percent(f.sessions.failed, f.sessions.all()),
                          to_text(f.last)});
  }
  return table;
}

Table result_type_table(const ReceivedFigures& received) {
  Table table{.head = {"Result type, policy domain", "Sessions", "Reporters", "MX hosts"}};
  for (const auto& [key, group] : received.failures().groups()) {
    const auto& [domain, type] = key;
    table.rows.push_back({fmt::format("{}, {}", type.empty() ? "(none given)" : printable(type, 100),
                                      shown_policy_domain(domain)),
                          std::to_string(group.sessions), std::to_string(group.reporters.size()),
                          std::to_string(group.mx_hosts.size())});
  }
  std::ranges::stable_sort(table.rows, {}, [](const auto& row) { return row[0]; });
  return table;
}

Table table_of(const Content& content, const Request& request) {
  if (request.received_by == ReceivedBy::reporter) return reporter_table(content.received);
  if (request.received_by == ReceivedBy::result_type) return result_type_table(content.received);
  if (request.sessions_by) return group_table(content.sessions, *request.sessions_by);
  return protection_table(content.protection);
}

std::string others_in_words(const OtherDomains& others) {
  return others.empty() ? "" : "\n" + paragraph("", others.in_words() + ".");
}

std::string in_words(const Content& content, const Request& request) {
  const std::string sessions = headline("Inbound sessions", request);
  const std::string received = headline("Received reports", request);
  const std::string others = others_in_words(content.received.others());
  if (request.received_by) return received + in_columns(table_of(content, request)) + others;
  if (request.sessions_by) return sessions + in_columns(table_of(content, request));
  std::string out = sessions + in_columns(protection_table(content.protection));
  if (!request.domain) out += "\n" + in_columns(group_table(content.domains, Grouping::domain));
  const bool has_received = !content.received.reporters().empty();
  if (has_received) out += "\n" + received + in_columns(reporter_table(content.received));
  if (!has_received && !others.empty()) out += "\n" + received.substr(0, received.size() - 1);
  return out + others;
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

void put_total(JsonText& json, const GroupedFigures& groups) {
  json.key("total");
  json.begin_object();
  put(json, sum(groups));
  json.end_object();
}

void put_reporters(JsonText& json, const ReceivedFigures& received) {
  json.key("reporters");
  json.begin_array();
  for (const auto& [name, f] : received.reporters()) {
    json.begin_object();
    json.member("reporter", name);
    json.member("reports", f.reports);
    json.member("authenticated_reports", f.authenticated);
    json.member("sessions", f.sessions.all());
    json.member("failed", f.sessions.failed);
    json.member("last_day", to_text(f.last));
    json.end_object();
  }
  json.end_array();
}

void put_result_types(JsonText& json, const ReceivedFigures& received) {
  json.key("result_types");
  json.begin_array();
  for (const auto& [key, group] : received.failures().groups()) {
    json.begin_object();
    json.member("policy_domain", key.first);
    json.member("result_type", key.second);
    json.member("sessions", group.sessions);
    json.end_object();
  }
  json.end_array();
}

std::string to_json(const Content& content, const Request& request) {
  JsonText json;
  json.begin_object();
  json.member("since", to_text(request.period.since));
  json.member("until", to_text(request.period.until));
  json.key("domain");
  request.domain ? json.text(*request.domain) : json.null();
  if (request.sessions_by) {
    put_total(json, content.sessions);
    put_groups(json, "groups", content.sessions);
  } else if (request.received_by == ReceivedBy::result_type) {
    put_result_types(json, content.received);
    content.received.others().put(json);
  } else if (request.received_by == ReceivedBy::reporter) {
    put_reporters(json, content.received);
    content.received.others().put(json);
  } else {
    put_total(json, content.protection);
    put_groups(json, "protection", content.protection);
    put_groups(json, "domains", content.domains);
    put_reporters(json, content.received);
    content.received.others().put(json);
  }
  json.end_object();
  return json.take();
}

}  // namespace

void add_summary_command(CLI::App& app, SummaryOptions& options) {
  auto* command =
      app.add_subcommand("summary", "How inbound sessions were protected, and what others report, as tables");
  command->add_option("--since", options.since, "First day (default: six days before the last)")
      ->type_name("DAY");
  command->add_option("--until", options.until, "Last day: YYYY-MM-DD, today (default) or yesterday")
      ->type_name("DAY");
  command->add_option("--domain", options.domain, "Only sessions with a recipient there")
      ->type_name("DOMAIN");
  command
      ->add_option("--by", options.by,
                   "protection, day, domain, sender, mx, cipher or failure; of received reports reporter or "
                   "result-type")
      ->type_name("WHAT");
  command->add_flag("--csv", options.csv, "The table for a spreadsheet");
  command->footer("Example:\n  tlsrpt-report summary --since 2026-11-01 --by sender");
}

Result<int> run_summary(const SummaryOptions& options, const Surroundings& surroundings) {
  if (options.csv && surroundings.json) return fail(Fault::usage, "--csv and --json exclude each other");
  const auto request = request_of(options, surroundings.clock);
  if (!request) return std::unexpected(request.error());
  const auto content = read_content(*request, surroundings);
  if (!content) return std::unexpected(content.error());
  auto printed = print(options.csv         ? to_csv(table_of(*content, *request))
                       : surroundings.json ? to_json(*content, *request)
                                           : in_words(*content, *request));
  if (!printed) return std::unexpected(printed.error());
  return 0;
}

}  // namespace starttls::milter
