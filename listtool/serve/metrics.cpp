#include "listtool/serve/metrics.h"

#include <array>
#include <functional>
#include <string_view>

#include "base/version.h"
#include "service/metrics_text.h"

namespace starttls::listtool::serve {
namespace {

constexpr std::array<std::string_view, sources> source_names{"none", "override", "dane", "mta-sts", "list"};

double seconds(Time time) {
  return static_cast<double>(time.time_since_epoch().count()) / 1000;
}

using Page = service::MetricsText;

void add_requests(Page& page, const Counters& counters) {
  page.family("requests_total", "counter", "Requests of mail servers that were answered.");
  for (std::size_t d = 0; d < dialects; ++d) {
    for (std::size_t o = 0; o < outcomes; ++o) {
      page.sample(fmt::format(R"({{dialect="{}",result="{}"}})", to_string(static_cast<Dialect>(d)),
                              to_string(static_cast<Outcome>(o))),
                  counters.requests[d][o].value());
    }
  }
  page.family("policies_total", "counter", "Replies from memory with a policy, by where it is from.");
  for (std::size_t s = 1; s < sources; ++s) {
    page.sample(fmt::format("{{source=\"{}\"}}", source_names[s]), counters.policies[s].value());
  }
}

// The name of a list contains no characters that need escaping.
void add_lists(Page& page, const Lists& lists, Time now) {
  const auto each = [&](std::string_view name, std::string_view help, const auto& value) {
    page.family(name, "gauge", help);
    for (const auto& list : lists.installed()) {
      if (is_installed(list.facts)) page.sample(fmt::format("{{list=\"{}\"}}", list.facts.name), value(list));
    }
  };
  using Installed = Lists::Installed;
  each("list_timestamp_seconds", "When the installed edition of a list was made.",
       [](const Installed& list) { return seconds(list.facts.timestamp); });
  each("list_expires_seconds", "When the installed edition of a list expires.",
       [](const Installed& list) { return seconds(list.facts.expires); });
  each("list_domains", "Domains in the installed edition of a list.",
       [](const Installed& list) { return list.domains; });
  each("list_usable", "Whether a list can be used now.", [&](const Installed& list) -> std::uint64_t {
    return list.index && !list.facts.unusable && now < list.facts.expires ? 1 : 0;
  });
}

// A metric with one value. To add one, add a line here and a member of Counters.
struct Metric {
  std::string_view name;
  std::string_view type;
  Counter Counters::* counter;
  std::string_view help;
};

constexpr std::array metrics{
    Metric{"hits_total", "counter", &Counters::hits, "Requests that were answered from memory."},
    Metric{"misses_total", "counter", &Counters::misses,
           "Requests that waited for a domain to be looked up."},
    Metric{"not_domains_total", "counter", &Counters::not_domains,
           "Requests for something other than a domain, such as .parent."},
    Metric{"malformed_total", "counter", &Counters::malformed,
           "Connections that were closed because of a malformed request."},
    Metric{"too_late_total", "counter", &Counters::too_late,
           "Requests that were answered with a temporary error after the time limit."},
    Metric{"overloaded_total", "counter", &Counters::overloaded,
           "Requests that were answered partially, or with a temporary error, because the queue was full."},
    Metric{"waiting", "gauge", &Counters::waiting, "Requests that wait now."},
    Metric{"domains", "gauge", &Counters::domains, "Domains in memory."},
    Metric{"domains_bytes", "gauge", &Counters::table_bytes, "Memory of the domains in memory, in bytes."},
    Metric{"evicted_total", "counter", &Counters::evicted,
           "Domains that were evicted from memory for others."},
    Metric{"connections", "gauge", &Counters::connections, "Connections that are open now."},
    Metric{"connections_accepted_total", "counter", &Counters::connections_accepted,
           "Connections that were accepted."},
    Metric{"connections_dropped_total", "counter", &Counters::connections_dropped,
           "Connections that were closed as idle."},
    Metric{"connections_clogged_total", "counter", &Counters::connections_clogged,
           "Connections that were closed because their peers did not read the replies."},
    Metric{"connections_bytes", "gauge", &Counters::connections_bytes,
           "Memory for requests and replies of all connections."},
    Metric{"examined_total", "counter", &Counters::examined, "Domains that were examined."},
    Metric{"owner_refused_total", "counter", &Counters::owner_refused,
           "Requests that were answered partially, or with a temporary error, because too many domains "
           "with the same registrable domain were being examined."},
    Metric{"put_off_total", "counter", &Counters::put_off,
           "Examinations that were given up because of too many questions to the same name servers or too "
           "many policy hosts to wait for."},
    Metric{"dns_questions_refused_total", "counter", &Counters::questions_refused,
           "Questions that were not asked, because a domain has too many MX hosts, these do not answer, or "
           "the name servers of one owner were asked too much."},
    Metric{"waiting_for_hosts", "gauge", &Counters::waiting_for_hosts,
           "Domains that wait only for their policy host."},
    Metric{"fetches_waiting", "gauge", &Counters::fetches_waiting,
           "Policy hosts that wait for their turn to be asked."},
    Metric{"refreshed_total", "counter", &Counters::refreshed,
           "Examinations in the background, before the policy expired."},
    Metric{"dns_failures_total", "counter", &Counters::dns_failures,
           "Examinations in which the DNS gave no answer."},
    Metric{"fetches_total", "counter", &Counters::fetched, "Policy hosts that were asked."},
    Metric{"fetch_failures_total", "counter", &Counters::fetch_failures,
           "Policy hosts that were asked and gave no policy."},
    Metric{"under_way", "gauge", &Counters::under_way, "Domains that are being examined now."},
    Metric{"generations_total", "counter", &Counters::generation,
           "Changes of lists, of overrides, or of the cache by other processes."},
    Metric{"reloads_failed_total", "counter", &Counters::reloads_failed,
           "Reloads that failed, so that the old lists and overrides stay."}};

}  // namespace

std::string metrics_page(const Counters& counters, const Lists& lists, Time started, Time now,
                         std::uint64_t listen_failures) {
  Page page("starttls_listtool");
  add_requests(page, counters);
  for (const Metric& metric : metrics) {
    page.family(metric.name, metric.type, metric.help);
    page.sample("", (counters.*metric.counter).value());
  }
  page.counter("metrics_listen_failures_total", listen_failures, "Failures to open the socket of this page.");
  add_lists(page, lists, now);
  page.gauge("start_time_seconds", seconds(started), "When the server started.");
  page.family("info", "gauge", "The version.");
  page.sample(fmt::format("{{version=\"{}\"}}", version()), std::uint64_t{1});
  return page.take();
}

}  // namespace starttls::listtool::serve
