#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <ranges>

#include "base/counted.h"
#include "base/version.h"
#include "html/page.h"
#include "html/table.h"
#include "html/text.h"
#include "listingpages/page_style.h"
#include "listingpages/pages.h"
#include "listingpages/words.h"

namespace starttls::listingpages {
namespace {

using html::ColumnKind;
using listing::Entry;
using listing::State;
using listing::Transition;

static_assert(max_shown_changes == html::max_table_rows);

// In the order in which people look for them.
constexpr std::array states{State::listed,    State::failing,   State::watched,
                            State::candidate, State::suspended, State::removed};

std::string day_html(Time time) {
  return fmt::format("<time>{}</time>", to_string(to_day(time)));
}

std::string minute_html(Time time) {
  return fmt::format("{} <time>{:%H:%M} UTC</time>", day_html(time), fmt::gmtime(time));
}

std::string link(std::string_view url, std::string_view html) {
  return fmt::format(R"(<a href="{}">{}</a>)", html::text(url), html);
}

std::string domain_link(const DomainName& domain) {
  return link(domain_file(domain), html::name(domain.str()));
}

// As html::section(), with a name for links.
std::string section(std::string_view id, std::string_view title, const std::string& content) {
  return fmt::format("<section id=\"{}\"><h2>{}</h2>\n{}</section>\n", id, title, content);
}

std::size_t count(const StateCounts& counts, State state) {
  const auto found = counts.find(state);
  return found == counts.end() ? 0 : found->second;
}

html::Head head_of(const ListAbout& about) {
  return {.title = "The list " + about.name, .styles = {page_style()}, .feed = std::string(feed_file)};
}

std::string header_html(const ListAbout& about) {
  const std::string author =
      about.author.empty() ? "" : fmt::format("<p class=\"over\">{}</p>\n", html::text(about.author));
  return fmt::format(
      R"(<header>
{}<h1>The list {}</h1>
<p>Domains whose mail servers offer authenticated TLS. A mail server that follows the list encrypts mail to them, and
verifies whom it delivers to, from the first message on.</p>
<p class="soft">Edition {}, published on {}. It expires on {}; from then on mail servers do without the list, unless
they have a newer edition.</p>
<nav><a href="#use">Use the list</a> <a href="#join">Get onto it, or off it</a> <a href="#changes">Changes</a>
<a href="#domains">Domains</a></nav></header>
)",
      author, html::name(about.name), about.edition, minute_html(about.published),
      minute_html(about.expires));
}

std::string tiles_html(const StateCounts& counts) {
  std::string out = "<ul class=\"tiles\">\n";
  for (const State state : states) {
    const std::size_t number = count(counts, state);
    out += html::tile(html::grouped_digits(number), std::string(to_string(state)),
                      number == 0 ? std::string_view() : to_string(state));
  }
  return out + "</ul>\n";
}

std::string reports_html(const ListAbout& about) {
  if (about.report_to.empty()) return {};
  std::string links;
  for (const std::string& to : about.report_to)
    links += fmt::format("{}{}", links.empty() ? "" : " or ", link(to, html::name(to)));
  return fmt::format(
      "<p>Tell the publisher how your deliveries to these domains went: send TLS reports (RFC 8460) to "
      "{}.</p>\n",
      links);
}

std::string use_html(const ListAbout& about) {
  const std::string signature = about.file + ".minisig";
  const std::string content = fmt::format(
      R"(<p>With starttls-listtool, add this to <code>/etc/starttls-toolkit/listtool.toml</code> and run
<code>starttls-listtool update</code>:</p>
<pre>{}</pre>
<p>Your mail server then trusts the {}. Compare them with what the publisher has given you in another way: an
attacker who can change this page can change them, too.</p>
<p>For other programs: the list is {} (JSON, format 0.1 of STARTTLS Everywhere), its signature {} (minisign).</p>
)",
      html::escape(list_table(about)), about.root_keys.empty() ? "keys" : "root keys",
      link(about.file, html::name(about.file)), link(signature, html::name(signature)));
  return section("use", "Use the list", content + reports_html(about));
}

// In days, and as the policy says it.
std::string max_age_text(std::chrono::days time) {
  return fmt::format("{} ({})", counted(static_cast<std::uint64_t>(time.count()), "day"),
                     std::chrono::seconds(time).count());
}

std::string join_html(const ListAbout& about) {
  const listing::Rules& rules = about.rules;
  const std::string content = fmt::format(
      R"(<p>A domain gets onto the list when its owner consents, and the examinations of its mail servers find no fault for
{}. The consent is one of:</p>
<ul class="plain">
<li>an MTA-STS policy in mode <code>enforce</code>, with a <code>max_age</code> of {} or more</li>
<li>DANE: usable TLSA records for each MX host</li>
<li>a TXT record that names this list:</li>
</ul>
<pre>_starttls-list.example.org. TXT "v=starttls-list1; list={}"</pre>
<p>A domain leaves the list when:</p>
<ul class="plain">
<li>its owner takes the consent back, by a policy in another mode, or a signed zone without the record: at the next
examination</li>
<li>the examinations find faults, or no consent, for {} and at least {}; when it is
sound again, it is watched again</li>
<li>the publisher removes it</li>
</ul>
)",
      counted(rules.watch_days, "day"), max_age_text(listing::min_max_age), html::text(about.name),
      counted(rules.grace_days, "day"), counted(rules.grace_failures, "time"));
  return section("join", "Get onto the list, or off it", content);
}

std::string why_html(const Transition& transition) {
  std::string out(clause(transition.reason));
  if (!transition.evidence.empty()) {
    out += fmt::format(R"( <span class="evidence">({})</span>)", html::prose(shown_evidence(transition)));
  }
  return out;
}

std::string changes_html(std::span<const Transition> transitions) {
  if (transitions.empty()) return section("changes", "Changes", "<p>Nothing has changed yet.</p>\n");
  html::LongTable table(
      "Newest first",
      {{"Domain"}, {"Time", ColumnKind::text}, {"State", ColumnKind::text}, {"Why", ColumnKind::text}});
  for (const Transition& each : transitions | std::views::reverse | std::views::take(max_shown_changes)) {
    table.add(domain_link(each.domain), {minute_html(each.time), html::text(change(each)), why_html(each)});
  }
  const std::string content = fmt::format(
      "<p class=\"soft\">All of them are in the JSON document of each domain, the last {} in {}.</p>\n"
      "<div class=\"changes\">\n{}</div>\n",
      max_shown_changes, link(feed_file, "the Atom feed"), table.html(transitions.size(), "change"));
  return section("changes", "Changes", content);
}

std::string state_html(const Entry& entry) {
  const std::string_view word = to_string(entry.state);
  return fmt::format(R"(<span class="nobr"><span class="{0}">{0}</span>{1}</span>)", word,
                     entry.is_held ? ", held" : "");
}

std::string consent_html(const Entry& entry) {
  const bool has_own = entry.consent != listing::Consent::none;
  if (!entry.manual) return std::string(shown(entry.consent));
  return fmt::format("{}publisher's, until {}", has_own ? fmt::format("{}; ", shown(entry.consent)) : "",
                     day_html(entry.manual->ends));
}

// A line is not broken after the dot that a pattern begins with.
std::string mx_html(std::string_view mx) {
  const std::size_t dots = mx.starts_with('.') ? 1 : 0;
  return fmt::format("<span>{}{}</span>", mx.substr(0, dots), html::name(mx.substr(dots)));
}

std::string mxs_html(const Entry& entry) {
  if (entry.mxs.empty()) return "-";
  return fmt::format("{}", fmt::join(entry.mxs | std::views::transform(mx_html), " "));
}

using EntryPointers = std::vector<const Entry*>;

std::string table_html(std::string_view caption, const EntryPointers& entries) {
  html::Table table(std::string(caption), {{"Domain"},
                                           {"State", ColumnKind::text},
                                           {"Since", ColumnKind::text},
                                           {"Consent", ColumnKind::text},
                                           {"MX patterns", ColumnKind::text}});
  for (const Entry* const entry : entries) {
    table.add(domain_link(entry->domain),
              {state_html(*entry), day_html(entry->since), consent_html(*entry), mxs_html(*entry)});
  }
  return fmt::format("<div class=\"entries\">\n{}</div>\n", table.html());
}

std::string domains_html(const StateCounts& counts, std::span<const Entry> entries) {
  EntryPointers listed;
  EntryPointers others;
  for (const Entry& entry : entries) (is_on_list(entry) ? listed : others).push_back(&entry);
  const std::size_t all = count_present(counts);
  std::string out;
  if (all <= max_json_entries) {
    out += fmt::format("<p class=\"soft\">{} has every domain, also those that were removed.</p>\n",
                       link(entries_file, entries_file));
  }
  if (count(counts, State::listed) + count(counts, State::failing) == 0)
    out += "<p>No domain is on the list yet.</p>\n";
  if (all > max_shown_entries) {
    out += fmt::format("<p>{} are too many for this page.</p>\n", html::grouped_count(all, "domain"));
    return section("domains", "Domains", out);
  }
  const auto by_name = [](const Entry* entry) -> const DomainName& { return entry->domain; };
  std::ranges::sort(listed, {}, by_name);
  std::ranges::sort(others, {}, by_name);
  if (!listed.empty()) out += table_html("On the list", listed);
  if (!others.empty()) {
    out += html::details(html::grouped_count(others.size(), "domain") + " not on the list",
                         table_html("Not on the list", others));
  }
  return section("domains", "Domains", out);
}

std::string states_html() {
  std::string out = "<dl>\n";
  for (const State state : states)
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", to_string(state), meaning(state));
  return section("states", "What the states mean", out + "</dl>\n");
}

}  // namespace

std::size_t count_present(const StateCounts& counts) {
  std::size_t present = 0;
  for (const auto& [state, number] : counts) present += state == State::removed ? 0 : number;
  return present;
}

std::string index_html(const ListAbout& about, const StateCounts& counts, std::span<const Entry> entries,
                       std::span<const Transition> transitions) {
  const html::Head head = head_of(about);
  return html::head(head) + header_html(about) + "<main>\n" + tiles_html(counts) + use_html(about) +
         join_html(about) + changes_html(transitions) + states_html() + domains_html(counts, entries) +
         fmt::format("</main>\n<footer><p>Made by starttls-listtool {}.</p></footer>\n", version()) +
         html::foot(head);
}

}  // namespace starttls::listingpages
