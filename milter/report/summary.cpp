#include <algorithm>
#include <array>
#include <ranges>

#include "base/cli.h"
#include "base/text.h"
#include "json/json_text.h"
#include "milter/report/commands.h"
#include "milter/report/empty_result.h"
#include "milter/report/local_failures.h"
#include "milter/report/received_figures.h"
#include "milter/report/senders.h"
#include "milter/report/summary_figures.h"
#include "milter/report/tables.h"
#include "milter/report/terminal.h"
#include "milter/sending_domain.h"
#include "store/ledger.h"

namespace starttls::milter {
namespace {

using store::Period;

constexpr std::size_t most_named_senders = 10;  // of a TLS version; --tls-version has all

// What can be shown: our own sessions in groups, or what others report.
enum class ReceivedBy { reporter, result_type };
constexpr std::array<std::pair<std::string_view, ReceivedBy>, 2> received_words{
    {{"reporter", ReceivedBy::reporter}, {"result-type", ReceivedBy::result_type}}};

struct Request {
  Period period;
  std::optional<std::string> domain;
  std::optional<std::string> tls_version;
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
  if (!options.tls_version.empty()) {
    auto version = parse_version(options.tls_version);
    if (!version) return std::unexpected(version.error());
    request.tls_version = std::move(*version);
  }
  if (options.by.empty()) return request;
  request.sessions_by = parse_grouping(options.by);
  const auto received =
      std::ranges::find(received_words, options.by, [](const auto& word) { return word.first; });
  if (received != received_words.end()) request.received_by = received->second;
  if (request.is_overview()) {
    return fail(Fault::usage,
                "--by: '{}' is none of protection, version, day, domain, sender, host, address, mx, cipher, "
                "failure, reporter, result-type",
                printable(options.by));
  }
  if (request.tls_version && (request.received_by || request.sessions_by == Grouping::failure))
    return fail(Fault::usage, "--tls-version: sessions by {} have no TLS version", options.by);
  return request;
}

// Everything that the request needs, read once.
struct Content {
  GroupedFigures protection;  // of an overview, as is the next
  GroupedFigures domains;
  GroupedFigures sessions;                     // by what was asked for
  std::map<std::string, VersionUse> versions;  // by Grouping::version
  Figures all;                                 // whatever the policy domain and the TLS version
  ReceivedFigures received;
  std::string why_empty;  // a sentence where there is nothing to show

  bool has_sessions() const { return sum(protection).sessions + sum(sessions).sessions > 0; }
};

// Where a sending domain is looked up, the list of public suffixes is needed.
Result<store::SendingDomain> sending_domain_for(const Request& request) {
  if (request.sessions_by == Grouping::sender || request.sessions_by == Grouping::version)
    return sending_domain();
  return store::SendingDomain();
}

bool is_wanted(const Request& request, const store::SessionClass& of) {
  return !request.tls_version ||
         (of.outcome == store::Outcome::tls && of.tls_version == *request.tls_version);
}

Result<void> read_own_sessions(const Request& request, const Configuration& configuration, OurFacts& facts,
                               Content& content) {
  const auto sending_domain = sending_domain_for(request);
  if (!sending_domain) return std::unexpected(sending_domain.error());
  SenderNames names(*sending_domain);
  Groups protection(Grouping::protection, request.domain);
  Groups domains(Grouping::domain, request.domain);
  Groups sessions(request.sessions_by.value_or(Grouping::protection), request.domain,
                  [&](const store::SessionClass& of) { return names.of(of); });
  VersionFigures versions(*sending_domain, request.domain);
  auto done = read_sessions(configuration, request.period, [&](const auto& of, const auto& count) {
    facts.add(of, count);
    content.all += figures_of(of.outcome, count.total);
    if (request.received_by || !is_wanted(request, of)) return;
    if (request.sessions_by) {
      sessions.add(of, count);
      if (request.sessions_by == Grouping::version) versions.add(of, count);
    } else {
      protection.add(of, count);
      domains.add(of, count);
    }
  });
  if (!done) return std::unexpected(done.error());
  content.protection = protection.figures();
  content.domains = domains.figures();
  content.sessions = sessions.figures();
  content.versions = versions.versions();
  return {};
}

// Why there are no groups, although there were sessions.
std::string why_no_groups(const Content& content, const Request& request,
                          const Configuration& configuration) {
  const std::string of = request.domain ? " with a recipient in " + *request.domain : "";
  if (request.tls_version) {
    return fmt::format("None of the {} {} used {}{}.", counted(content.all.sessions, "session"),
                       on_days(request.period), version_label(*request.tls_version), of);
  }
  if (request.sessions_by == Grouping::version) {
    return fmt::format("None of the {} {} used TLS{}.", counted(content.all.sessions, "session"),
                       on_days(request.period), of);
  }
  if (request.sessions_by != Grouping::failure) return {};
  if (request.domain) {
    return "A session whose TLS handshake failed has no recipient, so none is known of a policy domain: "
           "leave "
           "out --domain.";
  }
  if (configuration.mta_log.empty()) {
    return "Whether a TLS handshake failed is only in the mail server's log, and mta_log, which says where "
           "that "
           "is, is not set in tlsrpt.toml(5).";
  }
  return fmt::format("The mail server's log has no failed TLS handshake {}, as far as it was read.",
                     on_days(request.period));
}

Result<std::string> why_empty(const Content& content, const Request& request,
                              const Configuration& configuration, const OurFacts& facts) {
  if (request.received_by) {
    if (!content.received.reporters().empty()) return std::string();
    const auto last = last_received(configuration, facts, request.domain);
    if (!last) return std::unexpected(last.error());
    return why_no_reports(*last, request.period, request.domain);
  }
  if (content.has_sessions()) return std::string();
  const auto recorded = read_recorded(configuration, request.period, request.domain);
  if (!recorded) return std::unexpected(recorded.error());
  const bool has_any = request.domain ? recorded->domains.contains(*request.domain) : recorded->sessions > 0;
  const bool is_about_groups = request.tls_version || request.sessions_by == Grouping::version ||
                               request.sessions_by == Grouping::failure;
  if (content.all.sessions > 0 && is_about_groups &&
      (has_any || request.sessions_by == Grouping::failure)) {
    return why_no_groups(content, request, configuration);
  }
  return why_no_sessions(*recorded, configuration.state_dir.string(), request.period, request.domain);
}

Result<Content> read_content(const Request& request, const Surroundings& surroundings) {
  const Configuration& configuration = surroundings.configuration;
  Content content;
  OurFacts facts = our_facts(surroundings, request.domain);
  Result<void> done;
  if (!request.received_by || !facts.domains.empty())
    done = read_own_sessions(request, configuration, facts, content);
  // What others report is there without a milter, too.
  if (!done && request.received_by && done.error().fault == Fault::unavailable) done = {};
  if (done && !request.sessions_by && !request.tls_version) {
    done = read_received(configuration, facts, request.period, request.domain,
                         [&](const Reported& reported) { content.received.add(reported); });
  }
  if (!done) return std::unexpected(done.error());
  auto why = why_empty(content, request, configuration, facts);
  if (!why) return std::unexpected(why.error());
  content.why_empty = std::move(*why);
  return content;
}

std::string headline(std::string_view what, const Request& request) {
  const std::string with = request.tls_version ? " with " + version_label(*request.tls_version) : "";
  const std::string of = request.domain ? " for " + *request.domain : "";
  return fmt::format("{}{}{} {} (UTC)\n\n", what, with, of, on_days(request.period));
}

std::string title_of(Grouping by) {
  switch (by) {
    case Grouping::protection:
      return "Protection";
    case Grouping::day:
      return "Day";
    case Grouping::domain:
      return "Policy domain";
    case Grouping::version:
      return "TLS version";
    case Grouping::sender:
      return "Sending domain";
    case Grouping::host:
      return "Sending host";
    case Grouping::address:
      return "Sending address";
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

Table version_table(const std::map<std::string, VersionUse>& versions) {
  std::uint64_t whole = 0;
  for (const auto& [version, use] : versions) whole += use.figures.sessions;
  Table table{.head = {"TLS version", "Sessions", "Share", "Messages", "Senders", "Last day"}};
  for (const auto& [version, use] : std::views::reverse(versions)) {
    table.rows.push_back({version_label(printable(version)), std::to_string(use.figures.sessions),
                          percent(use.figures.sessions, whole), std::to_string(use.figures.messages),
                          std::to_string(use.senders.size()), to_text(use.last)});
  }
  return table;
}

Table failure_table(const GroupedFigures& groups) {
  std::vector<std::pair<std::string, Figures>> sorted(groups.begin(), groups.end());
  std::ranges::stable_sort(sorted, std::ranges::greater(), [](const auto& g) { return g.second.sessions; });
  Table table{.head = {"Failed handshake", "Result type of RFC 8460", "Sessions"}};
  for (const auto& [name, f] : sorted) {
    const auto failure = mtalog::parse_handshake_failure(name);
    table.rows.push_back({printable(name),
                          std::string(failure ? result_type_of(*failure) : std::string_view()),
                          std::to_string(f.sessions)});
  }
  return table;
}

// Of one TLS version.
Table version_group_table(const GroupedFigures& groups, Grouping by) {
  std::vector<std::pair<std::string, Figures>> sorted(groups.begin(), groups.end());
  if (by != Grouping::day) {
    std::ranges::stable_sort(sorted, std::ranges::greater(), [](const auto& g) { return g.second.sessions; });
  }
  Table table{.head = {title_of(by), "Sessions", "Messages"}, .rows = {}};
  for (const auto& [name, f] : sorted)
    table.rows.push_back({printable(name), std::to_string(f.sessions), std::to_string(f.messages)});
  return table;
}

// Sessions without a recipient belong to no policy domain, so what only they can be is left out there.
Table group_table(const GroupedFigures& groups, Grouping by, bool has_recipients) {
  std::vector<std::pair<std::string, Figures>> sorted(groups.begin(), groups.end());
  if (by == Grouping::sender || by == Grouping::host || by == Grouping::address) {
    // Who still sends in the clear is what one asks for.
    std::ranges::stable_sort(sorted, std::ranges::greater(),
                             [](const auto& g) { return std::pair(g.second.plaintext, g.second.sessions); });
  }
  Table table{.head = {title_of(by), "Sessions", "TLS", "Plaintext"}};
  if (!has_recipients) table.head.insert(table.head.end(), {"Failed", "Neither"});
  table.head.insert(table.head.end(), {"TLS %", "Messages"});
  table.rows.reserve(sorted.size());
  for (const auto& [name, f] : sorted) {
    std::vector<std::string> row{printable(name), std::to_string(f.sessions), std::to_string(f.tls),
                                 std::to_string(f.plaintext)};
    if (!has_recipients)
      row.insert(row.end(), {std::to_string(f.failed), std::to_string(f.no_mail + f.no_helo)});
    row.insert(row.end(), {percent(f.tls, f.tls + f.plaintext), std::to_string(f.messages)});
    table.rows.push_back(std::move(row));
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
  if (!request.sessions_by || request.sessions_by == Grouping::protection)
    return protection_table(request.sessions_by ? content.sessions : content.protection);
  if (request.sessions_by == Grouping::version) return version_table(content.versions);
  if (request.sessions_by == Grouping::failure) return failure_table(content.sessions);
  if (request.tls_version) return version_group_table(content.sessions, *request.sessions_by);
  const bool has_recipients = request.domain || request.sessions_by == Grouping::domain;
  return group_table(content.sessions, *request.sessions_by, has_recipients);
}

std::string prose(std::string_view heading, std::string_view text) {
  return paragraph(heading, text, std::min(prose_width, output_width().value_or(prose_width)));
}

// Who uses versions that nobody should use any more.
std::string deprecated_in_words(const Content& content) {
  std::string text;
  for (const auto& [version, use] : content.versions) {
    if (!is_deprecated(version)) continue;
    std::vector<std::pair<std::string, std::uint64_t>> senders(use.senders.begin(), use.senders.end());
    std::ranges::stable_sort(senders, std::ranges::greater(), [](const auto& s) { return s.second; });
    std::vector<std::string> names;
    names.reserve(senders.size());
    for (const auto& [name, sessions] : senders) names.push_back(fmt::format("{} ({})", name, sessions));
    const std::string label = version_label(printable(version));
    text += "\n" + prose(label + ": ", some_of(names, most_named_senders)) +
            fmt::format("All of them: tlsrpt-report summary --tls-version {} --by sender\n", label);
  }
  return text;
}

// Where failed handshakes are, if not in the tables.
std::string failed_in_words(const Content& content, const Request& request, const std::string& mta_log) {
  if (request.tls_version) return {};
  if (content.all.failed > 0 && (request.domain || request.is_overview())) {
    return "\n" + prose("", fmt::format("{} with a failed TLS handshake had no recipient, so {} to no policy "
                                        "domain; see tlsrpt-report summary --by failure.",
                                        counted(content.all.failed, "session"),
                                        content.all.failed == 1 ? "it belongs" : "they belong"));
  }
  const std::uint64_t neither = content.all.no_mail + content.all.no_helo;
  if (content.all.failed > 0 || neither == 0 || !mta_log.empty() || request.domain) return {};
  return "\n" + prose("", fmt::format("mta_log is not set in tlsrpt.toml(5): TLS handshakes that failed are "
                                      "not told apart from other sessions without TLS and mail ({}).",
                                      neither));
}

std::string others_in_words(const OtherDomains& others) {
  return others.empty() ? "" : "\n" + prose("", others.in_words() + ".");
}

std::string in_words(const Content& content, const Request& request, const Configuration& configuration) {
  const OutputWidth width = output_width();
  const std::string sessions = headline("Inbound sessions", request);
  const std::string received = headline("Received reports", request);
  const bool has_received = !content.received.reporters().empty();
  std::string out;
  if (!content.why_empty.empty()) {
    out += prose("", content.why_empty);
  } else if (request.received_by) {
    out += received + in_columns(table_of(content, request), width);
  } else {
    out += sessions + in_columns(table_of(content, request), width);
    if (request.is_overview() && !request.domain && !content.domains.empty()) {
      const Table domains = request.tls_version ? version_group_table(content.domains, Grouping::domain)
                                                : group_table(content.domains, Grouping::domain, true);
      out += "\n" + in_columns(domains, width);
    }
    if (request.sessions_by == Grouping::version) out += deprecated_in_words(content);
    out += failed_in_words(content, request, configuration.mta_log);
  }
  const std::string others = others_in_words(content.received.others());
  if (request.is_overview() && has_received)
    out += "\n" + received + in_columns(reporter_table(content.received), width);
  if (request.is_overview() && !has_received && !others.empty())
    out += "\n" + received.substr(0, received.size() - 1);
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

void put_versions(JsonText& json, const std::map<std::string, VersionUse>& versions) {
  json.key("groups");
  json.begin_array();
  for (const auto& [version, use] : versions) {
    json.begin_object();
    json.member("group", version);
    put(json, use.figures);
    json.member("senders", use.senders.size());
    json.member("last_day", to_text(use.last));
    json.end_object();
  }
  json.end_array();
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
  if (request.tls_version) json.member("tls_version", *request.tls_version);
  if (request.sessions_by) {
    put_total(json, content.sessions);
    request.sessions_by == Grouping::version ? put_versions(json, content.versions)
                                             : put_groups(json, "groups", content.sessions);
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
      ->add_option(
          "--by", options.by,
          "protection, version, day, domain, sender, host, address, mx, cipher or failure; of received "
          "reports reporter or result-type")
      ->type_name("WHAT");
  command
      ->add_option("--tls-version", options.tls_version,
                   "Only sessions with this version: TLSv1.0, TLSv1.1, TLSv1.2 or TLSv1.3")
      ->type_name("VERSION");
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
                                           : in_words(*content, *request, surroundings.configuration));
  if (!printed) return std::unexpected(printed.error());
  return 0;
}

}  // namespace starttls::milter
