#include "listtool/serve/metrics.h"

#include <array>
#include <string_view>

#include "service/metrics_text.h"

namespace starttls::listtool::serve {
namespace {

constexpr std::array<std::string_view, sources> source_names{"none", "override", "dane", "mta-sts", "list"};

using service::counter;
using service::gauge;
using service::label;
using service::MetricsText;
using Metric = service::Metric<MetricsState>;

template <Counter Counters::* member>
void counted(MetricsText& text, const MetricsState& state) {
  text.sample((state.counters.*member).value());
}

void add_requests(MetricsText& text, const MetricsState& state) {
  for (std::size_t d = 0; d < dialects; ++d) {
    for (std::size_t o = 0; o < outcomes; ++o) {
      text.sample(fmt::format(R"({{dialect="{}",result="{}"}})", to_string(static_cast<Dialect>(d)),
                              to_string(static_cast<Outcome>(o))),
                  state.counters.requests[d][o].value());
    }
  }
}

void add_policies(MetricsText& text, const MetricsState& state) {
  for (std::size_t s = 1; s < sources; ++s) {
    text.sample(label("source", source_names[s]), state.counters.policies[s].value());
  }
}

// A sample for each installed list, whose name contains nothing that needs escaping.
template <auto value>
void of_lists(MetricsText& text, const MetricsState& state) {
  for (const auto& list : state.lists.installed()) {
    if (is_installed(list.facts)) text.sample(label("list", list.facts.name), value(list, state.now));
  }
}

using List = Lists::Installed;

Time timestamp(const List& list, Time /*now*/) {
  return list.facts.timestamp;
}

Time expiry(const List& list, Time /*now*/) {
  return list.facts.expires;
}

std::uint64_t domains(const List& list, Time /*now*/) {
  return list.domains;
}

std::uint64_t usable(const List& list, Time now) {
  return list.index && !list.facts.unusable && now < list.facts.expires ? 1 : 0;
}

constexpr std::array answer_metrics{
    Metric{"requests_total", counter, "Requests of mail servers that were answered.", add_requests},
    Metric{"policies_total", counter, "Replies from memory with a policy, by where it is from.",
           add_policies},
};

// To add one, add a line here and a member of Counters.
constexpr std::array counter_metrics{
    Metric{"hits_total", counter, "Requests that were answered from memory.", counted<&Counters::hits>},
    Metric{"misses_total", counter, "Requests that waited for a domain to be looked up.",
           counted<&Counters::misses>},
    Metric{"not_domains_total", counter, "Requests for something other than a domain, such as .parent.",
           counted<&Counters::not_domains>},
    Metric{"malformed_total", counter, "Connections that were closed because of a malformed request.",
           counted<&Counters::malformed>},
    Metric{"too_late_total", counter,
           "Requests that were answered with a temporary error after the time limit.",
           counted<&Counters::too_late>},
    Metric{"overloaded_total", counter,
           "Requests that were answered partially, or with a temporary error, because the queue was full.",
           counted<&Counters::overloaded>},
    Metric{"waiting", gauge, "Requests that wait now.", counted<&Counters::waiting>},
    Metric{"domains", gauge, "Domains in memory.", counted<&Counters::domains>},
    Metric{"domains_bytes", gauge, "Memory of the domains in memory, in bytes.",
           counted<&Counters::table_bytes>},
    Metric{"evicted_total", counter, "Domains that were evicted from memory for others.",
           counted<&Counters::evicted>},
    Metric{"connections", gauge, "Connections that are open now.", counted<&Counters::connections>},
    Metric{"connections_accepted_total", counter, "Connections that were accepted.",
           counted<&Counters::connections_accepted>},
    Metric{"connections_dropped_total", counter, "Connections that were closed as idle.",
           counted<&Counters::connections_dropped>},
    Metric{"connections_clogged_total", counter,
           "Connections that were closed because their peers did not read the replies.",
           counted<&Counters::connections_clogged>},
    Metric{"connections_bytes", gauge, "Memory for requests and replies of all connections.",
           counted<&Counters::connections_bytes>},
    Metric{"examined_total", counter, "Domains that were examined.", counted<&Counters::examined>},
    Metric{"owner_refused_total", counter,
           "Requests that were answered partially, or with a temporary error, because too many domains "
           "with the same registrable domain were being examined.",
           counted<&Counters::owner_refused>},
    Metric{"put_off_total", counter,
           "Examinations that were given up because of too many questions to the same name servers or too "
           "many policy hosts to wait for.",
           counted<&Counters::put_off>},
    Metric{"dns_questions_refused_total", counter,
           "Questions that were not asked, because a domain has too many MX hosts, these do not answer, or "
           "the name servers of one owner were asked too much.",
           counted<&Counters::questions_refused>},
    Metric{"waiting_for_hosts", gauge, "Domains that wait only for their policy host.",
           counted<&Counters::waiting_for_hosts>},
    Metric{"fetches_waiting", gauge, "Policy hosts that wait for their turn to be asked.",
           counted<&Counters::fetches_waiting>},
    Metric{"refreshed_total", counter, "Examinations in the background, before the policy expired.",
           counted<&Counters::refreshed>},
    Metric{"dns_failures_total", counter, "Examinations in which the DNS gave no answer.",
           counted<&Counters::dns_failures>},
    Metric{"fetches_total", counter, "Policy hosts that were asked.", counted<&Counters::fetched>},
    Metric{"fetch_failures_total", counter, "Policy hosts that were asked and gave no policy.",
           counted<&Counters::fetch_failures>},
    Metric{"under_way", gauge, "Domains that are being examined now.", counted<&Counters::under_way>},
    Metric{"generations_total", counter,
           "Changes of lists, of overrides, or of the cache by other processes.",
           counted<&Counters::generation>},
    Metric{"reloads_total", counter,
           "How often lists and overrides, and at HUP the configuration, were read again.",
           counted<&Counters::reloads>},
    Metric{"reloads_failed_total", counter, "Of these, how often they were invalid, and the old ones stay.",
           counted<&Counters::reloads_failed>},
};

constexpr std::array server_metrics{
    Metric{"metrics_listen_failures_total", counter, "Failures to open the socket of this page.",
           [](MetricsText& text, const MetricsState& state) { text.sample(state.listen_failures); }},
    Metric{"list_timestamp_seconds", gauge, "When the installed edition of a list was made.",
           of_lists<timestamp>},
    Metric{"list_expires_seconds", gauge, "When the installed edition of a list expires.", of_lists<expiry>},
    Metric{"list_domains", gauge, "Domains in the installed edition of a list.", of_lists<domains>},
    Metric{"list_usable", gauge, "Whether a list can be used now.", of_lists<usable>},
    Metric{"start_time_seconds", gauge, "When the server started.",
           [](MetricsText& text, const MetricsState& state) { text.sample(state.started); }},
    service::version_metric<MetricsState>,
};

}  // namespace

std::string metrics_page(const MetricsState& state) {
  MetricsText text("starttls_listtool");
  service::add_metrics<MetricsState>(text, answer_metrics, state);
  service::add_metrics<MetricsState>(text, counter_metrics, state);
  service::add_metrics<MetricsState>(text, server_metrics, state);
  return text.take();
}

}  // namespace starttls::listtool::serve
