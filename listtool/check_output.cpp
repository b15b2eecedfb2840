#include "listtool/check_output.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstdint>

#include "base/counted.h"
#include "base/text.h"
#include "base/wrap.h"
#include "listtool/delivery_path.h"

namespace starttls::listtool {
namespace {

using examination::AddressFacts;
using examination::Finding;
using examination::HostFacts;
using examination::Level;

constexpr std::size_t level_width = 13;  // "cannot tell" and two blanks

std::string_view colour_of(Level level) {
  switch (level) {
    case Level::fault:
      return "\x1b[1;31m";
    case Level::cannot_tell:
      return "\x1b[1;35m";
    case Level::warning:
      return "\x1b[1;33m";
    case Level::note:
      return "\x1b[1;34m";
    case Level::ok:
      return "\x1b[32m";
  }
  return {};
}

// The level word at the beginning of a line, coloured afterwards: colours have no width.
void colour_level(std::string& text, std::size_t line_start, std::size_t indent, Level level) {
  const std::string_view word = shown(level);
  text.insert(line_start + indent + word.size(), "\x1b[0m");
  text.insert(line_start + indent, colour_of(level));
}

void append(std::string& text, const Finding& finding, CheckStyle style) {
  constexpr std::size_t indent = 2;
  const std::size_t start = text.size();
  append_wrapped(text, fmt::format("{:{}}{}", "", indent, shown(finding.level)), indent + level_width,
                 fmt::format("{} ({})", finding.seen, examination::describe(finding.code).word));
  if (style.colour) colour_level(text, start, indent, finding.level);
  const auto below = [&](std::string_view heading, std::string_view words) {
    if (words.empty()) return;
    append_wrapped(text, fmt::format("{:{}}{}", "", indent + level_width, heading), indent + level_width + 5,
                   words);
  };
  below("why", finding.why);
  below("do", finding.remedy);
}

void append(std::string& text, const DeliveryStep& step) {
  constexpr std::size_t lookup_words = 14;  // the column in which they begin
  constexpr std::size_t dialogue_words = 18;
  switch (step.kind) {
    case DeliveryStep::Kind::lookup:
      return append_wrapped(text, "  " + step.name, lookup_words, step.words);
    case DeliveryStep::Kind::address:
      return append_wrapped(text, "    ", 4, step.name);
    case DeliveryStep::Kind::dialogue:
      return append_wrapped(text, "      " + step.name, step.words.empty() ? 0 : dialogue_words, step.words);
  }
}

bool is_about(const Finding& finding, const checkdb::KnownFinding& known) {
  return examination::describe(finding.code).word == known.code && finding.level == known.level &&
         to_string(finding.subject) == known.subject;
}

std::string json_time(Time time) {
  return to_rfc3339(time);
}

void to_json(json::JsonText& json, const Finding& finding) {
  json.object([&] {
    const auto& code = examination::describe(finding.code);
    json.member("code", code.word);
    json.member("level", examination::level_words.word(finding.level));
    json.member("subject", examination::subject_kind_words.word(finding.subject.kind));
    json.member("name", finding.subject.name);
    if (!finding.subject.address.empty()) json.member("address", finding.subject.address);
    json.member("seen", finding.seen);
    json.member("why", finding.why);
    json.member("remedy", finding.remedy);
    json.member("source", code.source);
  });
}

void to_json(json::JsonText& json, const certificate::Certificate& certificate) {
  json.object("certificate", [&] {
    json.member("subject", certificate.subject);
    json.member("issuer", certificate.issuer);
    json.member("names", certificate.names);
    json.member("not_before", json_time(certificate.not_before));
    json.member("not_after", json_time(certificate.not_after));
  });
}

void to_json(json::JsonText& json, const examination::VersionFacts& version) {
  json.object([&] {
    json.member("version", to_string(version.version));
    json.member("suites", version.suites);
    json.array("groups", [&] {
      for (const examination::GroupFacts& group : version.groups) {
        json.object([&] {
          json.member("name", group.name);
          json.member("bits", static_cast<std::uint64_t>(std::max(group.bits, 0)));
        });
      }
    });
    json.member("order", to_string(version.order));
    if (!version.incomplete.empty()) json.member("incomplete", version.incomplete);
  });
}

void to_json(json::JsonText& json, const HostFacts& host, const AddressFacts& address) {
  json.object([&] {
    json.member("host", printable(host.name, 300));
    json.member("address", address.address);
    json.member("asked", address.newest.has_value());
    if (!address.newest) return;
    json.member("reached", to_string(address.newest->reached));
    json.member("stop", to_string(address.newest->stop));
    json.member("reason", address.newest->reason);
    if (const auto& tls = address.newest->tls) {
      json.member("version", tls->version);
      json.member("suite", tls->suite);
      json.member("group", tls->group);
    }
    if (!address.versions.empty()) {
      json.array("accepted", [&] {
        for (const examination::VersionFacts& version : address.versions) to_json(json, version);
      });
    }
    if (address.chain) to_json(json, address.chain->certificates.front());
  });
}

}  // namespace

std::string_view shown(Level level) {
  return level == Level::cannot_tell ? "cannot tell" : examination::level_words.word(level);
}

bool is_shown(const Finding& finding, CheckStyle style) {
  if (finding.level == Level::ok && !style.show_ok) return false;
  return finding.code != examination::Code::smtp_own_network || style.show_own_network;
}

std::vector<SubjectFindings> by_subject(const Examined& examined, CheckStyle style) {
  std::vector<SubjectFindings> subjects;
  for (const Finding& finding : examined.findings) {
    if (!is_shown(finding, style)) continue;
    const bool is_same = !subjects.empty() && subjects.back().findings.back()->subject == finding.subject;
    if (!is_same) subjects.push_back({.subject = to_string(finding.subject), .findings = {}});
    subjects.back().findings.push_back(&finding);
  }
  std::ranges::stable_sort(subjects, {}, [](const SubjectFindings& each) {
    return -examination::badness(each.findings.front()->level);
  });
  return subjects;
}

std::size_t count(const Examined& examined, Level level) {
  return static_cast<std::size_t>(std::ranges::count(examined.findings, level, &Finding::level));
}

std::string summary(const Examined& examined) {
  std::string text = fmt::format("{}, {}, {}", counted(count(examined, Level::fault), "fault"),
                                 counted(count(examined, Level::warning), "warning"),
                                 counted(count(examined, Level::note), "note"));
  if (const auto open = count(examined, Level::cannot_tell); open > 0)
    text += fmt::format(", {} cannot tell", open);
  return text;
}

Examined examine(examination::DomainFacts facts) {
  examination::Findings findings = examination::judge(facts);
  std::vector<examination::Verdict> verdicts = examination::verdicts(facts);
  return {.facts = std::move(facts), .findings = std::move(findings), .verdicts = std::move(verdicts)};
}

std::string to_text(const Examined& examined, CheckStyle style) {
  const std::string& domain = examined.facts.domain.str();
  std::string text;
  append_wrapped(text, "", 2, fmt::format("{}: {}", domain, summary(examined)));
  text.erase(0, 2);  // the first line is not indented
  for (const examination::Verdict& verdict : examined.verdicts)
    append_wrapped(text, "", 2, to_string(verdict));
  if (style.explain) {
    text += '\n';
    for (const DeliveryStep& step : delivery_path(examined.facts)) append(text, step);
  }
  for (const SubjectFindings& subject : by_subject(examined, style)) {
    text += fmt::format("\n{}\n", subject.subject);
    for (const Finding* const finding : subject.findings) append(text, *finding, style);
  }
  return text;
}

std::string to_text(const Examined& examined, const checkdb::CheckChanges& changes, CheckStyle style) {
  std::string text = fmt::format("{}: {} worse, {} better\n", examined.facts.domain.str(),
                                 changes.worse.size(), changes.better.size());
  const checkdb::KnownFinding* last = nullptr;
  for (const checkdb::KnownFinding& worse : changes.worse) {
    if (last == nullptr || last->subject != worse.subject) text += fmt::format("\n{}\n", worse.subject);
    last = &worse;
    for (const Finding& finding : examined.findings) {
      if (is_about(finding, worse)) append(text, finding, style);
    }
  }
  for (const checkdb::KnownFinding& better : changes.better) {
    text += fmt::format("\n{}\n", better.subject);
    append_wrapped(text, "  better", 2 + level_width,
                   fmt::format("no longer a {} ({})", shown(better.level), better.code));
  }
  return text;
}

std::string to_text(const Finding& finding, std::string_view heading, CheckStyle style) {
  std::string text = fmt::format("{}\n", heading);
  append(text, finding, style);
  return text;
}

void to_json(json::JsonText& json, const Examined& examined) {
  json.object([&] {
    json.member("domain", examined.facts.domain.str());
    json.member("level", examination::level_words.word(examination::worst(examined.findings)));
    json.array("verdicts", [&] {
      for (const examination::Verdict& verdict : examined.verdicts) {
        json.object([&] {
          json.member("sender", examination::sender_words.word(verdict.sender));
          json.member("outcome", examination::outcome_words.word(verdict.outcome));
          json.member("reason", verdict.reason);
        });
      }
    });
    json.array("findings", [&] {
      for (const Finding& finding : examined.findings) to_json(json, finding);
    });
    json.array("servers", [&] {
      for (const HostFacts& host : examined.facts.hosts) {
        for (const AddressFacts& address : host.addresses) to_json(json, host, address);
      }
    });
  });
}

}  // namespace starttls::listtool
