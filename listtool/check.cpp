// starttls-listtool check: examines domains as a sender would, and says what is sound, what is not, and what to do.
//
//   examination::Gatherer (DNS, policy host, mail servers, lists) -> examination::judge(), verdicts() -> text, JSON or HTML

#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <memory>

#include "base/console.h"
#include "base/try.h"
#include "checkdb/check_state.h"
#include "event/loop.h"
#include "event/run_each.h"
#include "examination/gather.h"
#include "listtool/arguments.h"
#include "listtool/check_output.h"
#include "listtool/check_progress.h"
#include "listtool/check_report.h"
#include "listtool/commands.h"
#include "listtool/examiner.h"
#include "listtool/watch.h"

namespace starttls::listtool {
namespace {

constexpr unsigned max_days = 3'650;
constexpr unsigned days_as_configured = max_days + 1;
constexpr unsigned max_rate = 1'000;
constexpr unsigned max_hours = 10'000;

struct Values {
  std::vector<std::string> domains;  // "-": from standard input, one on each line
  ExaminerSettings examiner{.days = days_as_configured};
  bool explain = false;
  bool html = false;
  std::string state;   // a file; "": nothing is kept
  unsigned since = 0;  // hours
  bool changed = false;
  bool watch = false;
};

Result<void> set_mx(Values& values, const std::string& text) {
  values.examiner.only_host = TRY(DomainName::parse(text));
  return {};
}

void declare(Options& options, Values& values) {
  const Option domains =
      options.arguments("DOMAIN", values.domains, "Domains; '-': one a line on standard input");
  options
      .option("--at", values.examiner.days, "DAYS",
              "Warn of what runs out within so many days (default: as configured, 7)")
      .range(0U, max_days);
  const Option no_smtp = options.flag("--no-smtp", values.examiner.no_smtp, "Do not connect to mail servers");
  options
      .flag("--thorough", values.examiner.thorough,
            "Find every TLS version, suite and group: a minute an address")
      .excludes(no_smtp);
  const Option explain = options.flag("--explain", values.explain, "Show what a sender meets, step by step");
  const Option html = options.flag("--html", values.html, "Print one page of HTML");
  const Option mx = options
                        .parsed(
                            "--mx", [&](const std::string& text) { return set_mx(values, text); }, "HOST",
                            "Examine this MX host, as if it were the only one")
                        .once();
  options
      .parsed(
          "--connect", [&](const std::string& text) { return add_endpoint(values.examiner.connect, text); },
          "MX=ADDRESS:PORT", "Connect there instead of to the addresses of this MX host")
      .excludes(no_smtp);
  options
      .option("--rate", values.examiner.rate, "N",
              "Make at most N connections to mail servers a second (default: 100)")
      .range(1U, max_rate);
  const Option state =
      options.option("--state", values.state, "FILE", "Keep there what is found of each domain");
  options
      .option("--since", values.since, "HOURS", "Leave out domains that were examined within so many hours")
      .range(1U, max_hours)
      .needs(state);
  options.flag("--changed", values.changed, "Print only what is worse or better than last time").needs(state);
  options
      .parsed(
          "--ehlo", [&](const std::string& text) { return set_ehlo(values.examiner, text); }, "NAME",
          "Say EHLO with this name (default: as configured, that of this host)")
      .once();
  const Option watch = options.flag("--watch", values.watch,
                                    "Examine the configured domains, and print what is worse or better");
  for (const Option& other : {domains, no_smtp, explain, html, mx, state}) watch.excludes(other);
}

// The state of a run, if it has one.
struct Memory {
  std::optional<checkdb::CheckState> state;
  std::optional<Time> fresh_from;  // domains that were examined then or later are left out
  bool only_changes = false;
};

Result<Memory> open_memory(const Values& values, const Context& context) {
  Memory memory{.only_changes = values.changed};
  if (values.state.empty()) return memory;
  memory.state = TRY(checkdb::CheckState::open(values.state));
  if (values.since > 0) memory.fresh_from = context.now - std::chrono::hours(values.since);
  return memory;
}

// Examines the domains, some at the same time, and reports them in their order.
class Run {
 public:
  Run(examination::Gatherer& gatherer, std::vector<DomainName> domains, Memory& memory, CheckReport& report,
      CheckProgress& progress)
      : gatherer_(gatherer),
        domains_(std::move(domains)),
        memory_(memory),
        report_(report),
        progress_(progress),
        waiting_(domains_.size()) {}

  // An error of the output.
  event::Task<Result<void>> run() {
    co_await event::run_each(domains_.size(), max_examinations,
                             [this](std::size_t index) { return work(index); });
    co_return written_;
  }

 private:
  event::Task<bool> work(std::size_t index) {
    if (const checkdb::KnownDomain* const fresh = find_fresh(domains_[index])) {
      report_.leave_out(worst(*fresh));
      waiting_[index] = Rendered();
    } else {
      examination::DomainFacts facts = co_await gatherer_.gather(domains_[index]);
      waiting_[index] = render(examine(std::move(facts)));
    }
    progress_.count_domain();
    report_all_due();
    co_return written_.has_value();
  }

  // What is known of a domain that is not examined again; else null.
  const checkdb::KnownDomain* find_fresh(const DomainName& domain) const {
    const checkdb::KnownDomain* const known =
        memory_.state && memory_.fresh_from ? memory_.state->find(domain) : nullptr;
    return known != nullptr && known->examined >= *memory_.fresh_from ? known : nullptr;
  }

  Rendered render(const Examined& examined) {
    if (!memory_.state) return report_.render(examined);
    const DomainName& domain = examined.facts.domain;
    const checkdb::KnownDomain* const before = memory_.state->find(domain);
    checkdb::KnownDomain now =
        checkdb::known_after(before, examined.findings, examined.verdicts, examined.facts.now);
    const checkdb::CheckChanges changes = compare(before == nullptr ? checkdb::KnownDomain() : *before, now);
    if (auto added = memory_.state->add(domain, std::move(now)); !added && written_) written_ = added;
    return memory_.only_changes ? report_.render(examined, changes) : report_.render(examined);
  }

  void report_all_due() {
    if (!waiting_[reported_]) return;
    progress_.clear();
    for (; reported_ < waiting_.size() && waiting_[reported_] && written_; ++reported_)
      written_ = report_.add(*std::exchange(waiting_[reported_], std::nullopt));
  }

  examination::Gatherer& gatherer_;
  std::vector<DomainName> domains_;
  Memory& memory_;
  CheckReport& report_;
  CheckProgress& progress_;
  std::vector<std::optional<Rendered>> waiting_;  // for earlier ones
  std::size_t reported_ = 0;
  Result<void> written_;
};

CheckStyle style_of(const Values& values, const Context& context) {
  return {.colour = ::isatty(STDOUT_FILENO) == 1 && std::getenv("NO_COLOR") == nullptr,
          .show_ok = context.verbose,
          .explain = values.explain};
}

ExaminerSettings examiner_of(const Values& values, const Context& context) {
  const CheckSettings& configured = context.configuration.check;
  ExaminerSettings settings = values.examiner;
  if (settings.days == days_as_configured) settings.days = configured.days;
  if (settings.ehlo.empty()) settings.ehlo = configured.ehlo;
  return settings;
}

Result<CheckFormat> format_of(const Values& values, const Context& context) {
  if (values.html && context.json) return fail(Fault::usage, "--html excludes --json");
  if (values.html) return CheckFormat::html;
  return context.json ? CheckFormat::json : CheckFormat::text;
}

PageOrigin origin_of(const ExaminerSettings& settings, const Context& context) {
  return {.time = context.now, .host = settings.ehlo.empty() ? host_name() : settings.ehlo};
}

Result<int> run(const Values& values, const Context& context) {
  const ExaminerSettings settings = examiner_of(values, context);
  if (values.watch) return watch(settings, style_of(values, context), context);
  if (values.domains.empty()) return fail(Fault::usage, "DOMAIN is missing; or '-', or --watch");
  const CheckFormat format = TRY(format_of(values, context));
  auto read = TRY(read_domains(values.domains));
  if (read.domains.empty() && read.status != 0) return read.status;
  if (values.examiner.only_host && read.domains.size() > 1)
    return fail(Fault::usage, "--mx takes one domain only");
  const std::size_t number = read.domains.size();
  auto memory = TRY(open_memory(values, context));
  const auto examiner = TRY(Examiner::create(settings, context));
  CheckProgress progress(examiner->loop(), !context.quiet && ::isatty(STDERR_FILENO) == 1, number);
  examiner->on_connection([&progress] { progress.count_connection(); });
  CheckReport report(format, style_of(values, context), number, origin_of(settings, context));
  Run examinations(examiner->gatherer(), std::move(read.domains), memory, report, progress);
  TRY(examiner->loop().run_until_complete(examinations.run()));
  TRY(report.finish());
  if (memory.state) {
    TRY(memory.state->finish());
  }
  return read.status != 0 ? read.status : report.exit_status();
}

}  // namespace

Command check_command() {
  return make_command({.name = "check",
                       .summary = "Examine a domain as a sender would",
                       .example = "starttls-listtool check example.com"},
                      declare, run);
}

}  // namespace starttls::listtool
