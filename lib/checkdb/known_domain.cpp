#include "checkdb/known_domain.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

#include "base/text.h"
#include "base/try.h"

namespace starttls::checkdb {
namespace {

using examination::Code;
using examination::Finding;
using examination::Level;
using examination::Subject;

constexpr std::string_view unknown_field = "cannot-tell";
constexpr std::string_view sender_field = "sender";
constexpr std::string_view gone_field = "gone";
constexpr std::size_t max_fields = 100'000;  // of a line
constexpr std::size_t max_shown = 100;       // characters of a field in a message

bool is_same(const KnownFinding& left, const KnownFinding& right) {
  return left.code == right.code && left.subject == right.subject;
}

// The highest level that this finding has there; ok where it is not there.
Level level_in(const std::vector<KnownFinding>& findings, const KnownFinding& wanted) {
  Level highest = Level::ok;
  for (const KnownFinding& each : findings) {
    if (is_same(each, wanted)) highest = std::max(highest, each.level);
  }
  return highest;
}

// Those of `left` that `right` has not, or only with a lower level.
std::vector<KnownFinding> beyond(const KnownDomain& left, const KnownDomain& right) {
  std::vector<KnownFinding> more;
  for (const KnownFinding& finding : left.findings) {
    const bool is_highest = finding.level == level_in(left.findings, finding);
    if (is_highest && finding.level > level_in(right.findings, finding)) more.push_back(finding);
  }
  return more;
}

bool has_topic(std::string_view code, examination::Topic topic) {
  return std::ranges::any_of(examination::codes(), [&](const examination::CodeDescription& each) {
    return each.word == code && each.topic == topic;
  });
}

// Without these nobody knows which servers there are, or what is demanded of them.
bool decides_everything(Code code) {
  return code == Code::mx_records || code == Code::mta_sts_record || code == Code::mta_sts_policy;
}

// Whether nothing is known about an earlier finding while this one is not found out.
bool hides(const Finding& unknown, const KnownFinding& earlier) {
  const std::string subject = to_string(unknown.subject);
  switch (unknown.subject.kind) {
    case Subject::Kind::domain:
      // Where the own network blocks port 25, nothing is known but of the domain itself.
      if (unknown.code == Code::smtp_own_network) return earlier.subject != subject;
      return decides_everything(unknown.code) || has_topic(earlier.code, describe(unknown.code).topic);
    case Subject::Kind::mx_host:
      return earlier.subject == subject || earlier.subject.starts_with(subject + '[');
    case Subject::Kind::address:
      return earlier.subject == subject || earlier.subject == unknown.subject.name;
  }
  std::unreachable();
}

// Adds earlier findings about what is not known now.
void keep_hidden(const KnownDomain& before, const examination::Findings& findings, KnownDomain& known) {
  const auto is_hidden = [&findings](const KnownFinding& earlier) {
    return std::ranges::any_of(findings, [&earlier](const Finding& finding) {
      return finding.level == Level::cannot_tell && hides(finding, earlier);
    });
  };
  for (const KnownFinding& earlier : before.findings) {
    if (earlier.level <= level_in(known.findings, earlier) || !is_hidden(earlier)) continue;
    if (!earlier.is_gone)
      std::erase_if(known.findings, [&](const KnownFinding& each) { return is_same(each, earlier); });
    known.findings.push_back(earlier);
  }
}

// "certificate-name mx.example.org[192.0.2.1]"
Result<KnownFinding> read_finding(Level level, std::string_view text) {
  const std::size_t blank = text.find(' ');
  const bool is_whole = blank != text.npos && blank > 0 && blank + 1 < text.size();
  if (!is_whole || (level != Level::warning && level != Level::fault))
    return fail(Fault::data, "'{}' is no warning and no fault", printable(text, max_shown));
  return KnownFinding{.code = std::string(text.substr(0, blank)),
                      .subject = std::string(text.substr(blank + 1)),
                      .level = level};
}

// "mta-sts delivers"
Result<KnownOutcome> read_outcome(std::string_view text) {
  const std::size_t blank = std::min(text.find(' '), text.size());
  const auto sender = TRY(examination::sender_words.parse(text.substr(0, blank), "sender"));
  const auto outcome =
      TRY(examination::outcome_words.parse(text.substr(std::min(blank + 1, text.size())), "outcome"));
  return KnownOutcome{.sender = sender, .outcome = outcome};
}

// The text up to the next separator, which is taken from the rest.
std::string_view take_until(char separator, std::string_view& rest) {
  const std::size_t end = std::min(rest.find(separator), rest.size());
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return taken;
}

Result<void> read_field(std::string_view field, KnownDomain& known) {
  std::string_view word = take_until(' ', field);
  if (word == unknown_field) {
    known.unknown_since = TRY(parse_rfc3339(field));
    return {};
  }
  if (word == sender_field) {
    known.outcomes.push_back(TRY(read_outcome(field)));
    return {};
  }
  const bool is_gone = word == gone_field;
  if (is_gone) word = take_until(' ', field);
  KnownFinding finding = TRY(read_finding(TRY(examination::level_words.parse(word, "level")), field));
  finding.is_gone = is_gone;
  known.findings.push_back(std::move(finding));
  return {};
}

}  // namespace

Level worst(const KnownDomain& known) {
  const auto has = [&known](Level level) {
    return std::ranges::any_of(
        known.findings, [level](const KnownFinding& each) { return each.level == level && !each.is_gone; });
  };
  if (has(Level::fault)) return Level::fault;
  if (known.unknown_since) return Level::cannot_tell;
  return has(Level::warning) ? Level::warning : Level::ok;
}

KnownDomain known_after(const KnownDomain* before, const examination::Findings& findings,
                        const std::vector<examination::Verdict>& verdicts, Time examined) {
  KnownDomain known{.examined = examined};
  for (const Finding& finding : findings) {
    if (finding.level == Level::cannot_tell) known.unknown_since = examined;
    if (finding.level != Level::warning && finding.level != Level::fault) continue;
    known.findings.push_back({.code = std::string(describe(finding.code).word),
                              .subject = to_string(finding.subject),
                              .level = finding.level});
  }
  for (const examination::Verdict& verdict : verdicts)
    known.outcomes.push_back({.sender = verdict.sender, .outcome = verdict.outcome});
  if (before != nullptr) {
    if (known.unknown_since && before->unknown_since) known.unknown_since = before->unknown_since;
    keep_hidden(*before, findings, known);
  }
  std::ranges::sort(known.findings);
  return known;
}

CheckChanges compare(const KnownDomain& before, const KnownDomain& now) {
  return {.worse = beyond(now, before), .better = beyond(before, now)};
}

KnownDomain keep_gone(const KnownDomain& before, KnownDomain now) {
  for (KnownFinding finding : beyond(before, now)) {
    if (finding.is_gone) continue;
    finding.is_gone = true;
    now.findings.push_back(std::move(finding));
  }
  std::ranges::sort(now.findings);
  return now;
}

std::string to_line(const DomainName& domain, const KnownDomain& known) {
  std::string line = fmt::format("{}\t{}", domain.str(), to_rfc3339(known.examined));
  if (known.unknown_since) line += fmt::format("\t{} {}", unknown_field, to_rfc3339(*known.unknown_since));
  for (const KnownOutcome& each : known.outcomes) {
    line += fmt::format("\t{} {} {}", sender_field, examination::sender_words.word(each.sender),
                        examination::outcome_words.word(each.outcome));
  }
  for (const KnownFinding& each : known.findings) {
    line += each.is_gone ? fmt::format("\t{} ", gone_field) : "\t";
    line += fmt::format("{} {} {}", examination::level_words.word(each.level), each.code, each.subject);
  }
  return line + '\n';
}

Result<std::pair<DomainName, KnownDomain>> read_line(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  DomainName domain = TRY(DomainName::parse(take_until('\t', line)));
  KnownDomain known{.examined = TRY(parse_rfc3339(take_until('\t', line)))};
  for (std::size_t fields = 0; !line.empty(); ++fields) {
    if (fields >= max_fields) return fail(Fault::data, "more than {} fields", max_fields);
    TRY(read_field(take_until('\t', line), known));
  }
  std::ranges::sort(known.findings);
  return std::pair(std::move(domain), std::move(known));
}

}  // namespace starttls::checkdb
