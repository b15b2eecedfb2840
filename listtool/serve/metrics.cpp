#include "listtool/serve/metrics.h"

#include <array>
#include <functional>
#include <string_view>

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

// The name of a list has nothing in it that would have to be escaped.
void add_lists(Page& page, const Lists& lists, Time now) {
  const auto each = [&](std::string_view name, std::string_view help, const auto& value) {
    page.family(name, "gauge", help);
    for (const auto& list : lists.installed()) {
      if (is_there(list.facts)) page.sample(fmt::format("{{list=\"{}\"}}", list.facts.name), value(list));
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

}  // namespace

std::string metrics_page(const Counters& counters, const Lists& lists, Time started, Time now,
                         std::uint64_t listen_failures) {
  Page page("starttls_listtool");
  add_requests(page, counters);
  page.counter("hits_total", counters.hits.value(), "Requests that were answered from memory.");
  page.counter("misses_total", counters.misses.value(),
               "Requests that had to wait for a domain to be found out.");
  page.counter("not_domains_total", counters.not_domains.value(),
               "Requests for what is no domain, .parent above all.");
  page.counter("malformed_total", counters.malformed.value(),
               "Connections that were closed for what they sent.");
  page.counter("too_late_total", counters.too_late.value(),
               "Requests that were answered \"try again\" after the time limit.");
  page.counter("overloaded_total", counters.overloaded.value(),
               "Requests that were answered in part, or \"try again\", for want of room.");
  page.gauge("waiting", counters.waiting.value(), "Requests that wait now.");
  page.gauge("domains", counters.domains.value(), "Domains in memory.");
  page.gauge("domains_bytes", counters.table_bytes.value(), "Memory that they take.");
  page.counter("evicted_total", counters.evicted.value(), "Domains that made room for others.");
  page.gauge("connections", counters.connections.value(), "Connections that are open now.");
  page.counter("connections_accepted_total", counters.connections_accepted.value(),
               "Connections that were accepted.");
  page.counter("connections_dropped_total", counters.connections_dropped.value(),
               "Connections that were closed as idle.");
  page.counter("connections_clogged_total", counters.connections_clogged.value(),
               "Connections that were closed because their peers did not read the replies.");
  page.gauge("connections_bytes", counters.connections_bytes.value(),
             "Memory for requests and replies of all connections.");
  page.counter("examined_total", counters.examined.value(), "Domains that were examined.");
  page.counter("owner_refused_total", counters.owner_refused.value(),
               "Requests that were answered in part, or \"try again\", as too many domains with the same "
               "registrable domain were being examined.");
  page.counter("put_off_total", counters.put_off.value(),
               "Examinations that did not end, as too much was asked of the same name servers or too many "
               "policy hosts were waited for.");
  page.counter("dns_questions_refused_total", counters.questions_refused.value(),
               "Questions that were not asked, since a domain has too many MX hosts, these do not answer, or "
               "too much was asked of the name servers of one owner.");
  page.gauge("waiting_for_hosts", counters.waiting_for_hosts.value(),
             "Domains of which only the policy host is waited for now.");
  page.gauge("fetches_waiting", counters.fetches_waiting.value(),
             "Policy hosts that wait for their turn to be asked.");
  page.counter("refreshed_total", counters.refreshed.value(),
               "Of these, in the background before their policy expires.");
  page.counter("dns_failures_total", counters.dns_failures.value(),
               "Examinations in which the DNS could not tell.");
  page.counter("fetches_total", counters.fetched.value(), "Policy hosts that were asked.");
  page.counter("fetch_failures_total", counters.fetch_failures.value(), "Of these, without a policy.");
  page.gauge("under_way", counters.under_way.value(), "Domains that are being examined now.");
  page.counter("generations_total", counters.generation.value(),
               "How often lists, overrides or other processes changed what is known.");
  page.counter("reloads_failed_total", counters.reloads_failed.value(),
               "Lists or overrides that could not be used, so that the old ones stay.");
  page.counter("metrics_listen_failures_total", listen_failures,
               "How often the socket of this page could not be made.");
  add_lists(page, lists, now);
  page.gauge("start_time_seconds", seconds(started), "When the server started.");
  page.family("info", "gauge", "The version.");
  page.sample("{version=\"" STARTTLS_VERSION "\"}", std::uint64_t{1});
  return page.take();
}

}  // namespace starttls::listtool::serve
