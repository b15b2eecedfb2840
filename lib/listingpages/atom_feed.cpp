#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "html/text.h"
#include "listingpages/pages.h"
#include "listingpages/words.h"

namespace starttls::listingpages {
namespace {

using listing::Transition;

// Two characters that printable() keeps may not be in XML (XML 1.0 section 2.2).
std::string without_noncharacters(std::string text) {
  constexpr std::string_view replacement = "\xEF\xBF\xBD";                     // U+FFFD
  for (const std::string_view forbidden : {"\xEF\xBF\xBE", "\xEF\xBF\xBF"}) {  // U+FFFE, U+FFFF
    for (auto at = text.find(forbidden); at != std::string::npos; at = text.find(forbidden, at))
      text.replace(at, forbidden.size(), replacement);
  }
  return text;
}

// "example.org: watched -> listed"; where the state stays, why there is an entry.
std::string title(const Transition& transition) {
  return fmt::format("{}: {}", transition.domain.str(),
                     transition.from == transition.to ? clause(transition.reason) : change(transition));
}

std::string content(const Transition& transition) {
  std::string out = fmt::format("{}: {}", change(transition), clause(transition.reason));
  if (!transition.evidence.empty()) out += fmt::format(" ({})", shown_evidence(transition));
  return out;
}

std::string entry(const ListAbout& about, const Transition& transition) {
  const std::string file = about.url + domain_file(transition.domain);
  const std::string time = to_rfc3339(transition.time);
  return fmt::format(
      "  <entry>\n"
      "    <id>{}#{}-{}</id>\n"
      "    <title>{}</title>\n"
      "    <updated>{}</updated>\n"
      "    <link rel=\"alternate\" type=\"application/json\" href=\"{}\"/>\n"
      "    <content>{}</content>\n"
      "  </entry>\n",
      html::text(file), time, to_string(transition.reason), html::text(title(transition)), time,
      html::text(file), html::escape(content(transition)));
}

}  // namespace

std::string atom_feed(const ListAbout& about, std::span<const Transition> transitions) {
  const Time updated = transitions.empty() ? about.published : transitions.back().time;
  std::string out = fmt::format(
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
      "<feed xmlns=\"http://www.w3.org/2005/Atom\" xml:lang=\"en\">\n"
      "  <id>{0}</id>\n"
      "  <title>Changes of the list {1}</title>\n"
      "  <updated>{2}</updated>\n"
      "  <author><name>{3}</name></author>\n"
      "  <link rel=\"self\" type=\"application/atom+xml\" href=\"{0}{4}\"/>\n"
      "  <link rel=\"alternate\" type=\"text/html\" href=\"{0}\"/>\n",
      html::text(about.url), html::text(about.name), to_rfc3339(updated),
      html::text(about.author.empty() ? about.name : about.author), feed_file);
  for (const Transition& transition : transitions | std::views::reverse | std::views::take(max_shown_changes))
    out += entry(about, transition);
  return without_noncharacters(out + "</feed>\n");
}

}  // namespace starttls::listingpages
