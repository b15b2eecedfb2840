#include "milter/metrics.h"

#include <fmt/format.h>

#include "service/metrics_text.h"

namespace starttls::milter {
namespace {

using service::MetricsText;

double seconds(Time time) {
  return static_cast<double>(time.time_since_epoch().count()) / 1000;
}

void add_sessions(MetricsText& text, const Counters& counters) {
  text.family("sessions_total", "counter", "Sessions that were recorded, by how they were protected.");
  for (std::size_t i = 0; i < seen_outcomes.size(); ++i)
    text.sample(fmt::format(R"({{outcome="{}"}})", to_string(seen_outcomes[i])), counters.sessions[i].load());
  text.family("tls_sessions_total", "counter", "Of these, the encrypted ones by TLS version.");
  for (std::size_t i = 0; i < tls_versions.size(); ++i)
    text.sample(fmt::format(R"({{version="{}"}})", tls_versions[i]), counters.tls_sessions[i].load());
  text.counter("messages_total", counters.messages.load(), "Messages that were accepted.");
  text.family("excluded_sessions_total", "counter", "Sessions that were not recorded, by the reason.");
  for (std::size_t i = 0; i < excluded_reasons; ++i)
    text.sample(fmt::format(R"({{reason="{}"}})", excluded_words[i]), counters.excluded[i].load());
  text.counter(
      "refused_plaintext_total", counters.refused_plaintext.load(),
      "Recipients that were refused for now, because the sender is known for TLS and did not use it.");
}

void add_recorder(MetricsText& text, const store::RecorderCounters& recorder, Time now) {
  text.counter("journal_records_total", recorder.journal.written,
               "Records that were written to the journal.");
  text.counter("lost_records_total", recorder.journal.lost,
               "Records that were lost for want of memory or disk.");
  text.gauge("held_back_records", std::uint64_t{recorder.journal.held_back},
             "Records in memory that wait for the disk.");
  text.gauge("journal_backlog_bytes", recorder.waiting_bytes,
             "Bytes in the journal that wait for the store.");
  text.gauge("journal_backlog_segments", recorder.waiting_segments, "Segments that wait for the store.");
  text.counter("folded_sessions_total", recorder.folded_sessions, "Sessions that were added to the store.");
  text.counter("failed_handshakes_total", recorder.failed_handshakes,
               "Of these, those whose handshake failed, as the log of the mail server told.");
  text.counter("downgraded_sessions_total", recorder.downgraded_sessions,
               "Of these, those in plaintext of a sender that is known for TLS.");
  text.gauge("unjoined_records", recorder.waiting_records,
             "Sessions and failures in the store that wait for each other.");
  const bool has_folded = recorder.last_fold != Time{};
  text.gauge("fold_lag_seconds", has_folded ? seconds(now) - seconds(recorder.last_fold) : 0.0,
             "Time since everything was in the store.");
  text.counter("pruned_rows_total", recorder.pruned_rows,
               "Rows that were removed from the store as too old.");
  text.counter("failures_total", recorder.failures, "Attempts to write, fold or clean up that failed.");
}

}  // namespace

std::string metrics_page(const MetricsState& state) {
  MetricsText text("tlsrpt_milter");
  add_sessions(text, state.counters);
  text.gauge("open_connections", std::uint64_t{state.open_connections}, "Sessions that are open now.");
  add_recorder(text, state.recorder, state.now);
  if (state.log) {
    text.counter("log_lines_total", state.log->lines, "Lines of the mail server's log that were read.");
    text.counter("log_session_lines_total", state.log->session_lines,
                 "Of these, those about sessions that were understood.");
    text.counter("log_failures_total", state.counters.log_failures.load(),
                 "Failed handshakes that the log of the mail server told of.");
    text.counter("log_failures_uncounted_total",
                 state.counters.log_failures_excluded.load() + state.recorder.uncounted_failures,
                 "Of these, those of submission and of other sessions that are not recorded.");
  }
  text.counter("reloads_total", state.counters.reloads.load(), "How often the configuration was read again.");
  text.counter("reloads_failed_total", state.counters.reloads_failed.load(),
               "Of these, those that changed nothing because it was wrong.");
  text.counter("metrics_listen_failures_total", state.metrics_listen_failures,
               "How often the socket of this page could not be made.");
  text.gauge("start_time_seconds", seconds(state.started), "When the milter started.");
  text.gauge("uptime_seconds", seconds(state.now) - seconds(state.started), "How long it has run.");
  text.family("info", "gauge", "The version.");
  text.sample("{version=\"" STARTTLS_VERSION "\"}", std::uint64_t{1});
  return text.take();
}

}  // namespace starttls::milter
