#include "listtool/check_page.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>

#include "base/counted.h"
#include "base/version.h"
#include "html/text.h"
#include "listtool/delivery_path.h"

namespace starttls::listtool {
namespace {

using examination::CodeDescription;
using examination::Finding;
using examination::Level;
using examination::Outcome;
using examination::Sender;

static_assert(static_cast<std::size_t>(examination::Code::list_mta_sts) < max_codes);

struct OutcomeWords {
  std::string_view word;
  std::string_view style;  // a class
  int rank = 0;            // the worst is the greatest
  std::string_view meaning;
};

OutcomeWords words_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::delivers:
      return {"verified TLS", "good", 1, "Nobody on the way can read or redirect the mail."};
    case Outcome::can_be_stripped:
      return {"TLS, strippable", "plain", 2,
              "The mail is encrypted, unless an attacker on the way hinders that."};
    case Outcome::cannot_tell:
      return {"cannot tell", "open", 3, "What decides it was not found out."};
    case Outcome::plaintext:
      return {"plaintext", "weak", 4, "Everybody on the way can read the mail."};
    case Outcome::defers:
      return {"defers", "bad", 5, "The mail waits, and returns to its author after some days."};
    case Outcome::no_mail:
      return {"returns", "plain", 0, "The mail returns at once: the domain takes none, or does not exist."};
  }
  return {};
}

// Those that the glossary explains; "cannot tell" is a level, too.
constexpr std::array explained_outcomes{Outcome::delivers, Outcome::can_be_stripped, Outcome::plaintext,
                                        Outcome::defers, Outcome::no_mail};

// Sound is what exits with 0.
bool is_sound(Level level) {
  return examination::exit_status(level) == 0;
}

std::string level_html(Level level) {
  return fmt::format(R"(<span class="level {}" data-rank="{}">{}</span>)",
                     examination::level_words.word(level), examination::badness(level), shown(level));
}

std::string outcome_html(std::optional<Outcome> outcome) {
  if (!outcome) return R"(<span class="soft" data-rank="-1">-</span>)";
  const OutcomeWords words = words_of(*outcome);
  return fmt::format(R"(<span class="{}" data-rank="{}">{}</span>)", words.style, words.rank, words.word);
}

std::string verdicts_html(const std::vector<examination::Verdict>& verdicts) {
  std::string out = "<ul class=\"verdicts\">\n";
  for (const examination::Verdict& verdict : verdicts) {
    out += fmt::format("<li class=\"{}\"><span>{}</span></li>\n", words_of(verdict.outcome).style,
                       html::prose(to_string(verdict)));
  }
  return out + "</ul>\n";
}

std::string code_link(std::string_view word) {
  return fmt::format(R"(<a href="#code-{0}">{0}</a>)", html::text(word));
}

std::string finding_html(const Finding& finding) {
  const CodeDescription& code = examination::describe(finding.code);
  std::string out =
      fmt::format("<li>{}<div><p>{}</p>\n", level_html(finding.level), html::prose(finding.seen));
  if (!finding.why.empty()) out += fmt::format("<p><b>Why:</b> {}</p>\n", html::prose(finding.why));
  if (!finding.remedy.empty())
    out += fmt::format("<p><b>What to do:</b> {}</p>\n", html::prose(finding.remedy));
  return out + fmt::format("<p class=\"code soft\">{}: {}</p></div></li>\n", code_link(code.word),
                           source_html(code.source));
}

std::string changes_html(const checkdb::CheckChanges& changes) {
  std::string out = "<ul class=\"changes\">\n";
  const auto add = [&out](std::string_view style, std::string_view what, const checkdb::KnownFinding& known) {
    out += fmt::format("<li class=\"{}\"><span>{} ({}): {}</span></li>\n", style, what,
                       html::text(known.code), html::name(known.subject));
  };
  for (const checkdb::KnownFinding& worse : changes.worse)
    add("bad", fmt::format("Worse: a {}", shown(worse.level)), worse);
  for (const checkdb::KnownFinding& better : changes.better)
    add("good", fmt::format("Better: no longer a {}", shown(better.level)), better);
  return out + "</ul>\n";
}

std::string_view style_of(DeliveryStep::Kind kind) {
  switch (kind) {
    case DeliveryStep::Kind::lookup:
      return "lookup";
    case DeliveryStep::Kind::address:
      return "address";
    case DeliveryStep::Kind::dialogue:
      return "dialogue";
  }
  return {};
}

std::string path_html(const examination::DomainFacts& facts) {
  std::string out = "<ol class=\"path\">\n";
  for (const DeliveryStep& step : delivery_path(facts)) {
    out += fmt::format("<li class=\"{}\"><b>{}</b> <span>{}</span></li>\n", style_of(step.kind),
                       html::escape(step.name), html::prose(step.words));
  }
  return out + "</ol>\n";
}

constexpr std::string_view path_title = "The path of a delivery";

// The findings of each subject, as `in_frame` puts them below its name.
template <class InFrame>
std::string findings_html(const Examined& examined, CheckStyle style, CodeSet& codes, InFrame in_frame) {
  std::string out;
  for (const SubjectFindings& subject : by_subject(examined, style)) {
    std::string items = "<ul class=\"findings\">\n";
    for (const Finding* const finding : subject.findings) {
      items += finding_html(*finding);
      codes.set(static_cast<std::size_t>(finding->code));
    }
    out += in_frame(subject.subject, items + "</ul>\n");
  }
  return out;
}

// The whole page is about it.
std::string alone_html(const Examined& examined, const checkdb::CheckChanges* changes, CheckStyle style,
                       CodeSet& codes) {
  const Level level = examination::worst(examined.findings);
  const std::string_view frame = level == Level::fault ? " class=\"attention\""
                                 : examination::badness(level) <= examination::badness(Level::note)
                                     ? " class=\"calm\""
                                     : "";
  std::string out =
      fmt::format("<section{}><h2>{}</h2>\n{}{}</section>\n", frame, summary(examined),
                  verdicts_html(examined.verdicts), changes == nullptr ? "" : changes_html(*changes));
  if (style.explain) out += html::section(std::string(path_title), {}, path_html(examined.facts));
  return out + findings_html(examined, style, codes, [](const std::string& subject, const std::string& list) {
           return fmt::format("<section><h2>{}</h2>\n{}</section>\n", html::name(subject), list);
         });
}

std::string among_others_html(const Examined& examined, const checkdb::CheckChanges* changes,
                              CheckStyle style, CodeSet& codes) {
  const std::string& domain = examined.facts.domain.str();
  const Level level = examination::worst(examined.findings);
  std::string out = fmt::format(
      "<details class=\"domain\" id=\"d-{}\"{}><summary><h3>{}</h3> {} <span>{}</span></summary>\n",
      html::text(domain), is_sound(level) ? "" : " open", html::name(domain), level_html(level),
      summary(examined));
  if (changes != nullptr) out += changes_html(*changes);
  out += verdicts_html(examined.verdicts);
  if (style.explain) out += html::details(std::string(path_title), path_html(examined.facts));
  out += findings_html(examined, style, codes, [](const std::string& subject, const std::string& list) {
    return fmt::format("<h4>{}</h4>\n{}", html::name(subject), list);
  });
  return out + "</details>\n";
}

std::size_t count(const PageContent& content, auto... levels) {
  return static_cast<std::size_t>(std::ranges::count_if(
      content.rows, [&](const PageRow& row) { return ((row.level == levels) || ...); }));
}

// "example.org", "500 domains"
std::string whose_mail(const PageContent& content) {
  const std::size_t all = content.rows.size() + content.unchanged + content.left_out;
  if (content.is_alone && content.rows.size() == 1) return content.rows.front().domain;
  return html::grouped_count(all, "domain");
}

std::string header_html(const PageContent& content) {
  std::string out = fmt::format(
      "<header><h1>TLS of mail to {}</h1>\n<p class=\"soft\">Examined as a sender would, from {}, on "
      "<time>{}</time> at <time>{:%H:%M} UTC</time>.",
      html::name(whose_mail(content)), html::name(content.origin.host),
      to_string(to_day(content.origin.time)), fmt::gmtime(content.origin.time));
  if (content.only_changes) {
    out +=
        fmt::format(" Only domains of which something is worse or better than last time are shown: {} of {}.",
                    html::grouped_digits(content.rows.size()),
                    html::grouped_digits(content.rows.size() + content.unchanged));
  }
  if (content.left_out > 0) {
    out += fmt::format(" {} not examined again (--since), and {} not shown.",
                       counted(content.left_out, "domain") + (content.left_out == 1 ? " was" : " were"),
                       content.left_out == 1 ? "is" : "are");
  }
  return out + "</p></header>\n";
}

std::string tiles_html(const PageContent& content) {
  std::string out = "<ul class=\"tiles four\">\n";
  const auto add = [&out](std::size_t number, std::string_view what, std::string_view style) {
    out += html::tile(html::grouped_digits(number),
                      fmt::format("{} {}", number == 1 ? "domain has" : "domains have", what),
                      number == 0 ? std::string_view() : style);
  };
  add(count(content, Level::fault), "a fault", "fault");
  add(count(content, Level::cannot_tell), "something unknown, and no fault", "cannot-tell");
  add(count(content, Level::warning), "a warning, and no fault", "warning");
  add(count(content, Level::note, Level::ok), "no warning and no fault", "ok");
  return out + "</ul>\n";
}

std::string own_network_html(const PageContent& content) {
  std::string items;
  std::size_t domains = 0;
  for (const auto& [seen, own] : content.own_network.items()) {
    items += finding_html(own.finding);
    domains += own.domains;
  }
  if (items.empty()) return {};
  return fmt::format(
      "<section class=\"attention\"><h2>About this host, for {}</h2>\n<ul class=\"findings\">\n{}"
      "</ul></section>\n",
      html::grouped_count(domains, "domain"), items);
}

std::string nothing_html(const PageContent& content) {
  return fmt::format("<section class=\"calm\"><h2>{}</h2>\n<p>There is no domain to show.</p></section>\n",
                     content.only_changes ? "Nothing has changed" : "Nothing was examined");
}

std::string codes_html(const PageContent& content) {
  std::string out;
  for (const CodeDescription& code : examination::codes()) {
    if (!content.codes.test(static_cast<std::size_t>(code.code))) continue;
    out += fmt::format("<div id=\"code-{0}\"><dt>{0}</dt><dd>{1} {2}.</dd></div>\n", code.word,
                       html::prose(code.meaning), source_html(code.source));
  }
  if (out.empty()) return {};
  return html::section("What the codes mean", {}, "<dl class=\"codes\">\n" + out + "</dl>\n");
}

std::string glossary_html(const PageContent& content) {
  std::string out;
  const auto add = [&out](std::string_view word, std::string_view meaning) {
    out += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", word, meaning);
  };
  if (!content.is_alone) {
    for (const Outcome outcome : explained_outcomes) add(words_of(outcome).word, words_of(outcome).meaning);
  }
  add("fault",
      "Mail waits or returns to its sender, or a protection that the domain announces does not exist.");
  add("cannot tell", "It was not found out. This never means \"no\".");
  add("warning", "Mail is delivered, but less protected than it could be, or not for long.");
  add("note", "Worth knowing. Nobody need act.");
  return html::section("What the words mean", {}, "<dl>\n" + out + "</dl>\n");
}

}  // namespace

PageRow page_row(const Examined& examined) {
  PageRow row{.domain = examined.facts.domain.str(),
              .level = examination::worst(examined.findings),
              .faults = listtool::count(examined, Level::fault),
              .warnings = listtool::count(examined, Level::warning)};
  for (const examination::Verdict& verdict : examined.verdicts)
    row.outcomes.at(static_cast<std::size_t>(verdict.sender)) = verdict.outcome;
  return row;
}

std::string source_html(std::string_view source) {
  constexpr std::string_view rfc = "RFC ";
  constexpr std::string_view section = " section ";
  constexpr std::string_view digits = "0123456789";
  const auto end_of = [](std::string_view text, std::size_t from, std::string_view characters) {
    return std::min(text.find_first_not_of(characters, from), text.size());
  };
  std::string out;
  while (!source.empty()) {
    const std::size_t begin = std::min(source.find(rfc), source.size());
    out += html::escape(source.substr(0, begin));
    source.remove_prefix(begin);
    if (source.empty()) break;
    std::size_t end = end_of(source, rfc.size(), digits);
    std::string address =
        fmt::format("https://www.rfc-editor.org/rfc/rfc{}", source.substr(rfc.size(), end - rfc.size()));
    if (source.substr(end).starts_with(section)) {
      const std::size_t number = end + section.size();
      end = end_of(source, number, "0123456789.");
      address += fmt::format("#section-{}", source.substr(number, end - number));
    }
    out += fmt::format("<a href=\"{}\">{}</a>", address, source.substr(0, end));
    source.remove_prefix(end);
  }
  return out;
}

std::string domain_html(const Examined& examined, const checkdb::CheckChanges* changes, CheckStyle style,
                        bool is_alone, CodeSet& codes) {
  return is_alone ? alone_html(examined, changes, style, codes)
                  : among_others_html(examined, changes, style, codes);
}

html::Head page_head(const PageContent& content) {
  return {.title = fmt::format("TLS of mail to {}, {}", whose_mail(content),
                               to_string(to_day(content.origin.time))),
          .styles = {check_page_style()},
          .script = check_page_script()};
}

bool has_lists(const PageContent& content) {
  return std::ranges::any_of(content.rows, [](const PageRow& row) {
    return row.outcomes.at(static_cast<std::size_t>(Sender::list)).has_value();
  });
}

std::string before_rows(const PageContent& content) {
  const std::string out = html::head(page_head(content)) + header_html(content) + "<main>\n";
  if (content.rows.empty()) return out + nothing_html(content) + own_network_html(content);
  if (content.is_alone) return out + own_network_html(content);
  return out + tiles_html(content) + own_network_html(content) +
         "<section class=\"all\"><h2>All domains</h2>\n";
}

html::Table rows_table(const PageContent& content) {
  using enum html::ColumnKind;
  std::vector<html::Column> columns{{"Domain"},   {"Worst", text},   {"Faults"},
                                    {"Warnings"}, {"MTA-STS", text}, {"DANE", text}};
  if (has_lists(content)) columns.push_back({"List", text});
  columns.push_back({"Others", text});
  return {
      fmt::format("What happens to the mail of a sender with MTA-STS, of one with DANE, {}and of any other",
                  has_lists(content) ? "of one with the list or override, " : ""),
      std::move(columns)};
}

void add_row(html::Table& table, const PageRow& row, bool with_lists) {
  const auto outcome = [&row](Sender sender) {
    return outcome_html(row.outcomes.at(static_cast<std::size_t>(sender)));
  };
  std::vector<std::string> cells{level_html(row.level), html::grouped_digits(row.faults),
                                 html::grouped_digits(row.warnings), outcome(Sender::mta_sts),
                                 outcome(Sender::dane)};
  if (with_lists) cells.push_back(outcome(Sender::list));
  cells.push_back(outcome(Sender::opportunistic));
  table.add(fmt::format(R"(<a href="#d-{}">{}</a>)", html::text(row.domain), html::name(row.domain)), cells);
}

std::string before_domains(const PageContent& content) {
  if (content.rows.empty() || content.is_alone) return {};
  return "</section>\n<section class=\"domains\"><h2>Domain by domain</h2>\n";
}

std::string after_domains(const PageContent& content) {
  std::string out = content.rows.empty() || content.is_alone ? "" : "</section>\n";
  out += codes_html(content) + glossary_html(content);
  return out +
         fmt::format(
             "</main>\n<footer><p>Made by starttls-listtool {} at <time>{}</time>. <span "
             "class=\"paper\">Parts "
             "that are folded on the screen are not printed.</span></p></footer>\n",
             version(), to_rfc3339(content.origin.time)) +
         html::foot(page_head(content));
}

}  // namespace starttls::listtool
