#include "collector/metrics.h"

#include <array>
#include <chrono>

#include "service/metrics_text.h"

namespace starttls::collector {
namespace {

using journal::JournalCounters;
using outbound::DayTotal;
using outbound::RecorderCounters;
using service::counter;
using service::gauge;
using service::MetricsText;
using Metric = service::Metric<MetricsState>;

double seconds(Time::duration duration) {
  return std::chrono::duration<double>(duration).count();
}

// What is one member of a struct of counters.
template <auto member>
void of_state(MetricsText& text, const MetricsState& state) {
  text.sample(state.*member);
}
template <auto member>
void received(MetricsText& text, const MetricsState& state) {
  text.sample(state.receiver.*member);
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
template <auto member>
void folded(MetricsText& text, const MetricsState& state) {
  text.sample(state.recorder.folded.*member);
}

constexpr std::array metrics{
    Metric{"datagrams_total", counter, "Datagrams that were received.",
           received<&ReceiverCounters::datagrams>},
    Metric{"too_large_datagrams_total", counter,
           "Datagrams that are larger than any result, and were dropped.",
           received<&ReceiverCounters::too_large>},
    Metric{"empty_datagrams_total", counter, "Datagrams without content, which were dropped.",
           received<&ReceiverCounters::empty>},
    Metric{"full_queues_total", counter,
           "How often as many datagrams waited as the kernel keeps: a sender may have lost further ones.",
           received<&ReceiverCounters::full_queues>},
    Metric{"receive_failures_total", counter, "How often the socket could not be read.",
           received<&ReceiverCounters::failures>},
    Metric{"journal_records_total", counter,
           "Records that were written to the journal: datagrams, and lines of the log.",
           journaled<&JournalCounters::written>},
    Metric{"lost_records_total", counter, "Records that were lost because memory or disk was full.",
           journaled<&JournalCounters::lost>},
    Metric{"held_back_records", gauge, "Records in memory that wait for the disk.",
           journaled<&JournalCounters::held_back>},
    Metric{"journal_backlog_bytes", gauge, "Bytes in the journal that wait for the store.",
           recorded<&RecorderCounters::waiting_bytes>},
    Metric{"journal_backlog_segments", gauge, "Segments that wait for the store.",
           recorded<&RecorderCounters::waiting_segments>},
    Metric{"folded_results_total", counter, "Results that were added to the store.",
           folded<&DayTotal::results>},
    Metric{"malformed_datagrams_total", counter, "Datagrams that are no result, and do not count.",
           folded<&DayTotal::malformed>},
    Metric{"left_out_sessions_total", counter,
           "Sessions that do not count because their day has too many policies.",
           folded<&DayTotal::left_out>},
    Metric{"fold_lag_seconds", gauge, "Time since everything was in the store.",
           [](MetricsText& text, const MetricsState& state) {
             const Time last = state.recorder.last_fold;
             text.sample(last == Time{} ? 0.0 : seconds(state.now - last));
           }},
    Metric{"pruned_total", counter, "Days that were removed from the store because of their age.",
           recorded<&RecorderCounters::pruned_days>},
    Metric{"failures_total", counter, "Attempts to write, fold or clean up that failed.",
           recorded<&RecorderCounters::failures>},
    Metric{"reloads_total", counter, "How often the configuration was read again.",
           of_state<&MetricsState::reloads>},
    Metric{"reloads_failed_total", counter, "Of these, how often it was invalid, and changed nothing.",
           of_state<&MetricsState::reloads_failed>},
    Metric{"metrics_listen_failures_total", counter,
           "How often the socket of this page could not be created.",
           of_state<&MetricsState::metrics_listen_failures>},
    Metric{"start_time_seconds", gauge, "When the collector started.", of_state<&MetricsState::started>},
    Metric{"uptime_seconds", gauge, "How long the collector has run.",
           [](MetricsText& text, const MetricsState& state) {
             text.sample(seconds(state.now - state.started));
           }},
    service::version_metric<MetricsState>,
};

// Only while the log is read.
constexpr std::array log_metrics{
    Metric{"log_lines_total", counter, "Lines of the mail server's log that were read.",
           read_from_log<&mtalog::LogReading::lines>},
    Metric{"log_delivery_lines_total", counter, "Of these, those about outbound deliveries.",
           read_from_log<&mtalog::LogReading::session_lines>},
    Metric{"log_unclear_lines_total", counter,
           "Of these, those of which the log does not say whether there was TLS.",
           read_from_log<&mtalog::LogReading::unclear_lines>},
    Metric{"log_handshakes_total", counter, "Results that were found in the mail server's log.",
           of_state<&MetricsState::log_handshakes>},
};

}  // namespace

std::string metrics_page(const MetricsState& state) {
  MetricsText text("tlsrpt_collector");
  service::add_metrics<MetricsState>(text, metrics, state);
  if (state.log) service::add_metrics<MetricsState>(text, log_metrics, state);
  return text.take();
}

}  // namespace starttls::collector
