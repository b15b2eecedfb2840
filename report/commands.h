// The commands of tlsrpt-report: each has its options, filled from the command line, and a function that runs
// it and returns the exit status or the error.
#pragma once

#include <CLI/App.hpp>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "report/advice.h"
#include "report/alerts.h"
#include "report/sending.h"
#include "report/surroundings.h"
#include "store/store.h"

namespace starttls::report {

struct SelfOptions {
  std::string day;  // empty: today, or yesterday where it is sent
  std::optional<std::string> domain;
  std::optional<std::filesystem::path> directory;
  bool gzip = false;
  bool no_lookup = false;
  bool send = false;
};
void add_self_command(CLI::App& app, SelfOptions& options);
Result<int> run_self(const SelfOptions& options, const Surroundings& surroundings);

struct ReadOptions {
  std::vector<std::filesystem::path> inputs;
  bool no_store = false;
  bool no_lookup = false;
  bool are_authenticated = false;
  bool mbox = false;
};
void add_read_command(CLI::App& app, ReadOptions& options);
Result<int> run_read(const ReadOptions& options, const Surroundings& surroundings);

struct SummaryOptions {
  std::string since;  // empty: six days before `until`
  std::string until = "today";
  std::optional<std::string> domain;
  std::string by;           // empty: the overview
  std::string tls_version;  // empty: any session
  bool csv = false;
};
void add_summary_command(CLI::App& app, SummaryOptions& options);
Result<int> run_summary(const SummaryOptions& options, const Surroundings& surroundings);

struct HtmlOptions {
  std::filesystem::path file;  // "-": standard output
  std::string since;           // empty: 27 days before `until`
  std::string until = "today";
  std::optional<std::string> domain;
};
inline constexpr std::chrono::days max_page_days{800};
void add_html_command(CLI::App& app, HtmlOptions& options);
Result<int> run_html(const HtmlOptions& options, const Surroundings& surroundings);

struct AdviseOptions {
  std::string domain;
  std::string since;  // empty: 27 days before `until`
  std::string until = "today";
  std::string about = "all";
  AdviceSettings settings;
};
void add_advise_command(CLI::App& app, AdviseOptions& options);
Result<int> run_advise(const AdviseOptions& options, const Surroundings& surroundings);

struct ReconcileOptions {
  std::string since;  // empty: 13 days before `until`
  std::string until = "yesterday";
  std::optional<std::string> domain;
};
void add_reconcile_command(CLI::App& app, ReconcileOptions& options);
Result<int> run_reconcile(const ReconcileOptions& options, const Surroundings& surroundings);

struct AlertOptions {
  std::string day = "yesterday";
  bool no_lookup = false;
  AlertSettings settings;
};
void add_alert_command(CLI::App& app, AlertOptions& options);
Result<int> run_alert(const AlertOptions& options, const Surroundings& surroundings);

struct QueueOptions {
  bool deliver = false;
};
void add_queue_command(CLI::App& app, QueueOptions& options);
Result<int> run_queue(const QueueOptions& options, const Surroundings& surroundings);

// 0 where all that was due was sent, Fault::temporary where some of it is tried again, 1 where some was given
// up.
int status_of(const SendingOutcome& outcome);

struct DowngradesOptions {
  std::string since;  // empty: 27 days before `until`
  std::string until = "today";
};
void add_downgrades_command(CLI::App& app, DowngradesOptions& options);
Result<int> run_downgrades(const DowngradesOptions& options, const Surroundings& surroundings);

struct ForgetOptions {
  std::vector<std::string> senders;
};
void add_forget_command(CLI::App& app, ForgetOptions& options);
Result<int> run_forget(const ForgetOptions& options, const Surroundings& surroundings);

// The days from `since` to `until`, as arguments; an empty `since` is `days` before the end. Fault::usage.
Result<store::Period> period_argument(const std::string& since, const std::string& until,
                                      std::chrono::days days, const Clock& clock);

// "2026-01-31", "today" or "yesterday". Fault::usage on anything else.
Result<Day> day_argument(const std::string& text, const Clock& clock);

// An A-label domain name out of an argument. Fault::usage where it is none.
Result<std::optional<std::string>> domain_argument(const std::optional<std::string>& text);

}  // namespace starttls::report
