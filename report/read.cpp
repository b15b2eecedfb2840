
#include "base/console.h"
#include "base/counted.h"
#include "base/log.h"
#include "base/saturated.h"
#include "base/text.h"
#include "command/command_line.h"
#include "json/json_text.h"
#include "report/commands.h"
#include "report/drift.h"
#include "report/evidence.h"
#include "report/failure_digest.h"
#include "report/intake.h"
#include "report/owner_lookup.h"
#include "report/received_figures.h"
#include "report/tables.h"
#include "store/sending_domain.h"
#include "tlsrpt/explanation.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_shown = 5;            // names of a kind that a person is shown
constexpr std::size_t pruned_at_once = 10'000;  // reports
constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;

// What all inputs came to.
struct Total {
  std::uint64_t read = 0;
  std::uint64_t duplicates = 0;
  std::uint64_t rejected = 0;
  FailureDigest failures;
  SeenPolicies seen;
  std::vector<Drift> drifts;
  OtherDomains others;

  void add(const Input& input) {
    read += input.status == InputStatus::read ? 1 : 0;
    duplicates += input.status == InputStatus::duplicate ? 1 : 0;
    rejected += input.status == InputStatus::rejected ? 1 : 0;
    failures.add(input.head.organization_name, input.failures);
    seen.add(input);
  }
};

std::string name_of(const Input& input) {
  return input.message > 0 ? fmt::format("{}: mail {}", input.name, input.message) : input.name;
}

std::string days_of(const tlsrpt::ReportHead& head) {
  const std::string first = to_string(to_day(head.begin));
  // A report that ends at midnight is about the day before.
  const std::string last = to_string(to_day(std::max(head.begin, head.end - std::chrono::milliseconds{1})));
  return first == last ? first : first + " to " + last;
}

void tell_rejected(const std::string& line, bool from_alias) {
  if (from_alias) {
    log_warning("{}", line);
  } else {
    print_error(report_program, line);
  }
}

void warn(const std::string& line, bool from_alias, bool is_quiet) {
  if (from_alias) {
    log_warning("{}", line);
  } else if (!is_quiet) {
    print_warning(report_program, line);
  }
}

void tell(const Input& input, bool from_alias, bool is_quiet) {
  if (input.status == InputStatus::rejected) {
    const std::string kept =
        input.kept_as.empty() ? "" : fmt::format("; set aside as {}", printable(input.kept_as));
    tell_rejected(fmt::format("{}: rejected: {}{}", name_of(input), input.reason, kept), from_alias);
  }
  for (const std::string& oddity : input.warnings)
    warn(fmt::format("{}: {}", name_of(input), oddity), from_alias, is_quiet);
}

// "read", "duplicate", "read, older than 400 days, not kept"
std::string status_in_words(const Input& input, std::uint64_t retention_days) {
  if (input.status != InputStatus::read || !input.is_too_old) return std::string(word_of(input.status));
  return fmt::format("read, older than {}, not kept", counted(retention_days, "day"));
}

std::string to_line(const Input& input, std::uint64_t retention_days) {
  std::vector<std::string> domains;
  domains.reserve(input.domains.size());
  for (const auto& [domain, sums] : input.domains)
    domains.push_back(domain.empty() ? "(none given)" : domain);
  return fmt::format("{}: {}: {} about {}, {}: {}, {} failed\n", name_of(input),
                     status_in_words(input, retention_days), shown_reporter(input.head.organization_name),
                     list_some(domains, max_shown), days_of(input.head),
                     counted(saturated_sum(input.successful, input.failed), "session"), input.failed);
}

std::string hosts_of(const FailureGroup& group) {
  std::vector<std::string> hosts;
  hosts.reserve(group.mx_hosts.size());
  for (const auto& [host, sessions] : group.mx_hosts) {
    hosts.push_back(fmt::format("{} ({})", printable(host, 100), sessions));
  }
  return list_some(hosts, max_shown);
}

std::string explained(const FailureDigest::Key& key, const FailureGroup& group) {
  const auto& [domain, type] = key;
  const tlsrpt::Explanation& explanation = tlsrpt::explain_result_type(type);
  std::string text = fmt::format("\n{}: {}, {}\n", shown_policy_domain(domain), printable(type, 100),
                                 counted(group.sessions, "session"));
  const auto add = [&](std::string_view heading, const std::string& what) {
    if (!what.empty()) text += paragraph(heading, what);
  };
  add("  at:         ", hosts_of(group));
  add("  from:       ", list_some(group.sending_addresses, max_shown));
  add("  told by:    ", list_some(group.reporters, max_shown));
  add("  reason:     ", list_some(group.reasons, max_shown));
  add("  means:      ", std::string(explanation.meaning));
  add("  likely:     ", std::string(explanation.cause));
  add("  what to do: ", std::string(explanation.remedy));
  return text;
}

std::string explained(const Drift& drift) {
  const auto lines = [](const std::vector<std::string>& strings) {
    std::string text;
    for (const std::string& line : strings) text += (text.empty() ? "" : "; ") + printable(line, 200);
    return text.empty() ? "nothing" : text;
  };
  return fmt::format("\n{}: the MTA-STS policy is another one by now\n",
                     printable(drift.policy_domain, 200)) +
         paragraph("  seen:       ", fmt::format("{} (by {} on {})", lines(drift.seen),
                                                 printable(drift.reporter, 100), to_string(drift.day))) +
         paragraph("  published:  ", lines(drift.published)) +
         paragraph("  what to do: ",
                   "Where this is not your change of since then, see who serves the old policy: a cache "
                   "lives for its max_age, and a new policy needs a new id in the TXT record.");
}

std::string in_words(const Total& total) {
  std::string text;
  for (const auto& [key, group] : total.failures.groups()) text += explained(key, group);
  if (total.failures.suppressed() > 0) {
    text += fmt::format("\nMore kinds of failures than are told here: {}\n",
                        counted(total.failures.suppressed(), "session"));
  }
  for (const Drift& drift : total.drifts) text += explained(drift);
  if (!total.others.empty())
    text += "\n" + paragraph("", fmt::format("Reports {}.", total.others.in_words()));
  if (!text.empty()) text += "\n";
  return text + fmt::format("{} read, {}, {} rejected\n", counted(total.read, "report"),
                            counted(total.duplicates, "duplicate"), total.rejected);
}

bool is_kept(const Input& input, bool keeps) {
  return keeps && !input.is_too_old;
}

void put(json::JsonText& json, const Input& input, bool keeps, std::uint64_t retention_days) {
  json.begin_object();
  json.member("input", input.name);
  if (input.message > 0) json.member("mail", input.message);
  json.member("status", word_of(input.status));
  if (input.status != InputStatus::rejected) json.member("kept", is_kept(input, keeps));
  if (input.status == InputStatus::read && input.is_too_old)
    json.member("reason", status_in_words(input, retention_days));
  if (input.status == InputStatus::rejected) json.member("reason", input.reason);
  if (!input.kept_as.empty()) json.member("kept_as", input.kept_as);
  json.member("oddities", input.warnings);
  if (input.status != InputStatus::rejected) json.member("authenticated", !input.signer.empty());
  if (input.status != InputStatus::rejected) {
    json.key("report");
    tlsrpt::put(json, {.head = input.head, .policies = input.policies});
  }
  json.end_object();
}

void put(json::JsonText& json, const FailureDigest::Key& key, const FailureGroup& group) {
  const tlsrpt::Explanation& explanation = tlsrpt::explain_result_type(key.second);
  json.begin_object();
  json.member("policy_domain", key.first);
  json.member("result_type", key.second);
  json.member("sessions", group.sessions);
  json.key("mx_hosts");
  json.begin_array();
  for (const auto& [host, sessions] : group.mx_hosts) {
    json.begin_object();
    json.member("name", host);
    json.member("sessions", sessions);
    json.end_object();
  }
  json.end_array();
  json.member("reporters", group.reporters);
  json.member("sending_addresses", group.sending_addresses);
  json.member("reasons", group.reasons);
  json.member("meaning", explanation.meaning);
  json.member("cause", explanation.cause);
  json.member("remedy", explanation.remedy);
  json.end_object();
}

void put(json::JsonText& json, const Total& total) {
  json.key("failures");
  json.begin_array();
  for (const auto& [key, group] : total.failures.groups()) put(json, key, group);
  json.end_array();
  json.key("drift");
  json.begin_array();
  for (const Drift& drift : total.drifts) {
    json.begin_object();
    json.member("policy_domain", drift.policy_domain);
    json.member("reporter", drift.reporter);
    json.member("day", to_string(drift.day));
    json.member("seen", drift.seen);
    json.member("published", drift.published);
    json.end_object();
  }
  json.end_array();
  total.others.put(json);
  json.member("untold_failed_sessions", total.failures.suppressed());
  json.member("read", total.read);
  json.member("duplicates", total.duplicates);
  json.member("rejected", total.rejected);
}

// The answer, as it comes.
class Answer {
 public:
  // `keeps`: whether what is read is kept.
  Answer(const Surroundings& surroundings, bool keeps)
      : is_json_(surroundings.json),
        is_quiet_(surroundings.quiet),
        from_alias_(surroundings.from_alias),
        keeps_(keeps),
        retention_days_(surroundings.configuration.retention_days) {
    if (!is_json_) return;
    json_.begin_object();
    json_.key("inputs");
    json_.begin_array();
  }

  void add(const Input& input) {
    total_.add(input);
    tell(input, from_alias_, is_quiet_);
    const bool has_line = !is_json_ && !is_quiet_ && input.status != InputStatus::rejected;
    if (has_line) lines_ += to_line(input, retention_days_);
    if (!has_line && keeps_ && input.status == InputStatus::read && input.is_too_old) {
      warn(fmt::format("{}: {}", name_of(input), status_in_words(input, retention_days_)), from_alias_,
           is_quiet_);
    }
    if (is_json_) put(json_, input, keeps_, retention_days_);
  }

  Result<void> flush() {
    if (from_alias_) return {};
    return print(is_json_ ? json_.take_part() : std::exchange(lines_, {}));
  }

  Result<void> finish() {
    if (from_alias_) return {};
    if (!is_json_) return print(in_words(total_));
    json_.end_array();
    put(json_, total_);
    json_.end_object();
    return print(json_.take());
  }

  const Total& total() const { return total_; }
  void set_drifts(std::vector<Drift> drifts) { total_.drifts = std::move(drifts); }
  void set_others(const OtherDomains& others) { total_.others = others; }

 private:
  bool is_json_;
  bool is_quiet_;
  bool from_alias_;
  bool keeps_;
  std::uint64_t retention_days_;
  json::JsonText json_;
  std::string lines_;
  Total total_;
};

Result<tlsrptdb::ReportStore> open_store(const config::TlsrptConfig& configuration) {
  // Where it cannot be made, opening the store says why.
  std::error_code ignored;
  std::filesystem::create_directories(configuration.state_dir, ignored);
  return tlsrptdb::ReportStore::open(tlsrptdb::report_file(configuration.state_dir), store::Access::owner);
}

Result<void> keep_mx_hosts(const config::TlsrptConfig& configuration,
                           const std::vector<tlsrptdb::SeenMxHost>& hosts) {
  if (hosts.empty()) return {};
  auto own = tlsrptdb::OwnDomains::open(tlsrptdb::report_file(configuration.state_dir), store::Access::owner);
  if (!own) return std::unexpected(own.error());
  for (const tlsrptdb::SeenMxHost& host : hosts) {
    if (auto kept = own->keep(host); !kept) return kept;
  }
  return {};
}

}  // namespace

void add_read_command(CLI::App& app, ReadOptions& options) {
  auto* command =
      app.add_subcommand("read", "Take in the reports that others sent, and explain their failures");
  command
      ->add_option(
          "FILE", options.inputs,
          "JSON, gzip, a mail, a folder of mails (mbox, Maildir), a folder of files; '-': standard input")
      ->type_name("")
      ->required();
  command->add_flag("--authenticated", options.are_authenticated,
                    "Whoever sent these reports is known: they count as authenticated");
  command->add_flag("--no-store", options.no_store, "Keep nothing");
  command->add_flag("--no-lookup", options.no_lookup, "Do not ask what policies our domains publish now");
  command->add_flag("--mbox", options.mbox, "Standard input is a folder of mails (mbox), not one mail");
  command->footer(
      "Examples:\n  tlsrpt-report read google.com\\!example.org\\!1795651200\\!1795737599.json.gz\n"
      "  tlsrpt-report read ~/Maildir/.tls-reports");
}

Result<int> run_read(const ReadOptions& options, const Surroundings& surroundings) {
  const config::TlsrptConfig& configuration = surroundings.configuration;
  const Time now = surroundings.clock();
  const Day oldest = to_day(now) - std::chrono::days(configuration.retention_days);
  std::optional<tlsrptdb::ReportStore> store;
  if (!options.no_store) {
    auto opened = open_store(configuration);
    if (!opened) return std::unexpected(opened.error());
    store.emplace(std::move(*opened));
    store->set_quota(configuration.max_store_size * mebibyte);
    // What is too old takes nobody's place.
    if (auto pruned = store->prune(oldest, pruned_at_once); !pruned) return std::unexpected(pruned.error());
  }
  Result<store::SendingDomainFinder> registrable;
  if (options.are_authenticated || requires_authentication(configuration))
    registrable = store::sending_domain();
  if (!registrable) return std::unexpected(registrable.error());
  Answer answer(surroundings, store.has_value());
  OwnerLookup judge(surroundings, !options.no_lookup && !surroundings.from_alias);
  const IntakeSettings settings{
      .rejected_directory = store ? configuration.state_dir / "rejected" : std::filesystem::path(),
      .max_rejected_size = configuration.max_rejected_size * mebibyte,
      .stdin_is_mailbox = options.mbox,
      .expected = {.our_domains = our_domains(configuration),
                   .now = now,
                   .oldest = store ? oldest : Day(),
                   .trusted_authserv_ids = configuration.trusted_authserv_ids,
                   .are_authenticated = options.are_authenticated,
                   .registrable = std::move(*registrable)},
      .want_policies = surroundings.json};
  auto taken = take_in(options.inputs, store ? &*store : nullptr, settings,
                       {.tell =
                            [&](Input& input) {
                              judge.look_at(input);
                              answer.add(input);
                            },
                        .committed = [&] { return answer.flush(); }});
  if (!taken) return std::unexpected(taken.error());
  answer.set_others(judge.others());
  if (store) {
    if (auto kept = keep_mx_hosts(configuration, judge.found_mx_hosts()); !kept)
      return std::unexpected(kept.error());
    if (store->evicted() > 0 && !surroundings.quiet) {
      print_warning(report_program,
                    fmt::format("the store is full (report.max_store_size): {} of other reporters "
                                "were removed",
                                counted(store->evicted(), "report")));
    }
    if (auto pruned = store->prune(oldest, pruned_at_once); !pruned) return std::unexpected(pruned.error());
  }
  if (!options.no_lookup && !surroundings.from_alias) {
    const auto published = Lookup(surroundings).policies(answer.total().seen.domains());
    if (!published) return std::unexpected(published.error());
    answer.set_drifts(answer.total().seen.drifts(*published));
  }
  if (auto finished = answer.finish(); !finished) return std::unexpected(finished.error());
  return answer.total().rejected > 0 ? static_cast<int>(Fault::data) : 0;
}

}  // namespace starttls::report
