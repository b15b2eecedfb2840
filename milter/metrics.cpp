#include "milter/metrics.h"

#include <array>
#include <chrono>

#include "service/metrics_text.h"

namespace starttls::milter {
namespace {

using journal::JournalCounters;
using service::counter;
using service::gauge;
using service::label;
using service::MetricsText;
using store::RecorderCounters;
using Metric = service::Metric<MetricsState>;

double seconds(Time::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// What is one member of a struct of counters.
template <auto member>
void counted(MetricsText& text, const MetricsState& state) {
  text.sample(state.counters.*member);
}
template <auto member>
void recorded(MetricsText& text, const MetricsState& state) {
  text.sample(state.recorder.*member);
}
template <auto member>
void journaled(MetricsText& text, const MetricsState& state) {
  text.sample(state.recorder.journal.*member);
}
template <auto member>
void read_from_log(MetricsText& text, const MetricsState& state) {
  text.sample((*state.log).*member);
}

constexpr std::array session_metrics{
    Metric{"sessions_total", counter, "Sessions that were recorded, by how they were protected.",
           [](MetricsText& text, const MetricsState& state) {
             for (std::size_t i = 0; i < seen_outcomes.size(); ++i)
               text.sample(label("outcome", to_string(seen_outcomes[i])), state.counters.sessions[i]);
           }},
    Metric{"tls_sessions_total", counter, "Of these, the encrypted ones, by TLS version.",
           [](MetricsText& text, const MetricsState& state) {
             for (std::size_t i = 0; i < tls_versions.size(); ++i)
               text.sample(label("version", tls_versions[i]), state.counters.tls_sessions[i]);
           }},
    Metric{"messages_total", counter, "Messages that were accepted.", counted<&Counters::messages>},
    Metric{"excluded_sessions_total", counter, "Sessions that were not recorded, by the reason.",
           [](MetricsText& text, const MetricsState& state) {
             for (const auto& [reason, word] : exclusion_words.words)
               text.sample(label("reason", word), state.counters.excluded[static_cast<std::size_t>(reason)]);
           }},
    Metric{"refused_plaintext_total", counter,
           "Recipients that were refused for now, because the sender is known for TLS and did not use it.",
           counted<&Counters::refused_plaintext>},
    Metric{"open_connections", gauge, "Sessions that are open now.",
           [](MetricsText& text, const MetricsState& state) {
             text.sample(std::uint64_t{state.open_connections});
           }},
};

constexpr std::array recorder_metrics{
    Metric{"journal_records_total", counter, "Records that were written to the journal.",
           journaled<&JournalCounters::written>},
    Metric{"lost_records_total", counter, "Records that were lost because memory or disk was full.",
           journaled<&JournalCounters::lost>},
    Metric{"held_back_records", gauge, "Records in memory that wait for the disk.",
           journaled<&JournalCounters::held_back>},
    Metric{"journal_backlog_bytes", gauge, "Bytes in the journal that wait for the store.",
           recorded<&RecorderCounters::waiting_bytes>},
    Metric{"journal_backlog_segments", gauge, "Segments that wait for the store.",
           recorded<&RecorderCounters::waiting_segments>},
    Metric{"folded_sessions_total", counter, "Sessions that were added to the store.",
           recorded<&RecorderCounters::folded_sessions>},
    Metric{"failed_handshakes_total", counter,
           "Of these, those whose handshake failed, as the mail server's log says.",
           recorded<&RecorderCounters::failed_handshakes>},
    Metric{"downgraded_sessions_total", counter,
           "Of these, those in plaintext of a sender that is known for TLS.",
           recorded<&RecorderCounters::downgraded_sessions>},
    Metric{"unjoined_records", gauge, "Sessions and failures in the store that wait for each other.",
           recorded<&RecorderCounters::waiting_records>},
    Metric{"fold_lag_seconds", gauge, "Time since everything was in the store.",
           [](MetricsText& text, const MetricsState& state) {
             const Time last = state.recorder.last_fold;
             text.sample(last == Time{} ? 0.0 : seconds(state.now - last));
           }},
    Metric{"pruned_rows_total", counter, "Rows that were removed from the store because of their age.",
           recorded<&RecorderCounters::pruned_rows>},
    Metric{"failures_total", counter, "Attempts to write, fold or clean up that failed.",
           recorded<&RecorderCounters::failures>},
};

// Only while the log is read.
constexpr std::array log_metrics{
    Metric{"log_lines_total", counter, "Lines of the mail server's log that were read.",
           read_from_log<&mtalog::LogReading::lines>},
    Metric{"log_session_lines_total", counter, "Of these, those about sessions that were understood.",
           read_from_log<&mtalog::LogReading::session_lines>},
    Metric{"log_failures_total", counter, "Failed handshakes in the mail server's log.",
           counted<&Counters::log_failures>},
    Metric{"log_failures_uncounted_total", counter,
           "Of these, those of submission and of other sessions that are not recorded.",
           [](MetricsText& text, const MetricsState& state) {
             text.sample(state.counters.log_failures_excluded + state.recorder.uncounted_failures);
           }},
};

constexpr std::array daemon_metrics{
    Metric{"reloads_total", counter, "How often the configuration was read again.",
           counted<&Counters::reloads>},
    Metric{"reloads_failed_total", counter, "Of these, how often it was invalid, and changed nothing.",
           counted<&Counters::reloads_failed>},
    Metric{"metrics_listen_failures_total", counter,
           "How often the socket of this page could not be created.",
           [](MetricsText& text, const MetricsState& state) { text.sample(state.metrics_listen_failures); }},
    Metric{"start_time_seconds", gauge, "When the milter started.",
           [](MetricsText& text, const MetricsState& state) { text.sample(state.started); }},
    Metric{"uptime_seconds", gauge, "How long the milter has run.",
           [](MetricsText& text, const MetricsState& state) {
             text.sample(seconds(state.now - state.started));
           }},
    service::version_metric<MetricsState>,
};

}  // namespace

std::string metrics_page(const MetricsState& state) {
  MetricsText text("tlsrpt_milter");
  service::add_metrics<MetricsState>(text, session_metrics, state);
  service::add_metrics<MetricsState>(text, recorder_metrics, state);
  if (state.log) service::add_metrics<MetricsState>(text, log_metrics, state);
  service::add_metrics<MetricsState>(text, daemon_metrics, state);
  return text.take();
}

}  // namespace starttls::milter
