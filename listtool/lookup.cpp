// starttls-listtool lookup: what a domain's mail must obey, says who, and why.

#include <algorithm>
#include <ranges>

#include "base/cli.h"
#include "base/domain.h"
#include "base/text.h"
#include "listtool/json.h"
#include "listtool/options.h"
#include "listtool/sources.h"

namespace starttls::listtool {
namespace {

struct Answer {
  std::string domain;
  bool applies = false;
  std::string source = "none";
  std::optional<preload::Entry> entry;  // also where its mode is none
  std::optional<Time> expires;
  std::optional<bool> verified;  // whether the list's signature was checked
  std::string reason;
  std::optional<std::string> postfix;
};

std::string reason_for(const Source& source, const preload::Entry& entry, const postfix::Rules& rules) {
  std::string reason =
      fmt::format("list {} has it with mode {}: ", source.name, preload::to_text(entry.mode));
  if (entry.mode == preload::Mode::none) return reason + "it demands nothing";
  if (entry.mode == preload::Mode::testing && !rules.early_adopter) {
    return reason + "mail goes out as if the list did not have it";
  }
  if (entry.mode == preload::Mode::testing) reason += "treated as enforce for an early adopter, ";
  reason += "mail goes out only over authenticated TLS to a matching server";
  if (std::ranges::any_of(preload::mxs_of(entry), [](std::string_view mx) { return mx.starts_with('.'); })) {
    reason += " (a suffix means one label; Postfix matches any number of them)";
  }
  return reason;
}

// Matches the very name only: the policy of a parent says nothing about its subdomains.
Answer answer_for(const DomainName& domain, const std::vector<Source>& sources, const postfix::Rules& rules) {
  Answer answer{
      .domain = domain.str(), .entry = {}, .expires = {}, .verified = {}, .reason = {}, .postfix = {}};
  std::string passed_over;
  for (const Source& source : sources | std::views::reverse) {
    const auto entry = source.list.find(domain.str());
    if (!entry) continue;
    if (source.expired) {
      passed_over +=
          fmt::format("; list {} has it but is not used: {}", source.name, source.expired->message);
      continue;
    }
    answer.applies = entry->mode != preload::Mode::none;
    answer.source = "list:" + source.name;
    answer.entry = entry;
    answer.expires = source.list.expires;
    answer.verified = source.verified.has_value();
    answer.reason = reason_for(source, *entry, rules) +
                    (source.verified ? "" : "; the list's signature was not checked") + passed_over;
    answer.postfix = postfix::policy_for(*entry, rules);
    return answer;
  }
  answer.reason =
      (passed_over.empty() ? "no list has this very name" : "no list that may be used has it") + passed_over;
  return answer;
}

std::string as_text(const Answer& answer) {
  std::string text = answer.domain + "\n";
  const auto line = [&](std::string_view label, std::string_view value) {
    text += fmt::format("  {:<8} {}\n", label, printable(value, 65536));
  };
  if (answer.entry) {
    line("policy", fmt::format("{}, from {}, until {}", preload::to_text(answer.entry->mode), answer.source,
                               to_rfc3339(*answer.expires)));
  } else {
    line("policy", "none");
  }
  if (answer.entry && !answer.entry->joined_mxs.empty()) {
    line("mx", fmt::format("{}", fmt::join(preload::mxs_of(*answer.entry), ", ")));
  }
  line("postfix", answer.postfix.value_or("nothing"));
  line("reason", answer.reason);
  return text;
}

void write(JsonText& json, const Answer& answer) {
  json.begin_object();
  json.member("domain", answer.domain);
  json.member("applies", answer.applies);
  json.member("source", answer.source);
  json.key("mode");
  answer.entry ? json.text(preload::to_text(answer.entry->mode)) : json.null();
  json.key("mx");
  json.begin_array();
  if (answer.entry && !answer.entry->joined_mxs.empty()) {
    for (const auto mx : preload::mxs_of(*answer.entry)) json.text(mx);
  }
  json.end_array();
  json.key("expires");
  answer.expires ? json.text(to_rfc3339(*answer.expires)) : json.null();
  json.key("verified");
  answer.verified ? json.boolean(*answer.verified) : json.null();
  json.member("reason", answer.reason);
  json.key("postfix");
  answer.postfix ? json.text(*answer.postfix) : json.null();
  json.end_object();
}

std::string as_json(const std::vector<Answer>& answers) {
  JsonText json;
  json.begin_array();
  for (const Answer& answer : answers) write(json, answer);
  json.end_array();
  return json.take();
}

Result<std::vector<DomainName>> read_domains(const std::vector<std::string>& texts) {
  std::vector<DomainName> domains;
  domains.reserve(texts.size());
  for (const std::string& text : texts) {
    auto domain = DomainName::parse(text);
    if (!domain) return fail(Fault::usage, "{}", domain.error().message);
    domains.push_back(std::move(*domain));
  }
  return domains;
}

}  // namespace

Result<int> lookup(const Common& common, const LookupOptions& options) {
  const auto domains = read_domains(options.domains);
  if (!domains) return std::unexpected(domains.error());
  const auto sources = read_sources(common, options.lists, options.signature);
  if (!sources) return std::unexpected(sources.error());
  std::vector<Answer> answers;
  answers.reserve(domains->size());
  for (const DomainName& domain : *domains) answers.push_back(answer_for(domain, *sources, options.rules));
  std::string text;
  for (const Answer& answer : answers) text += as_text(answer);
  const auto printed = print(common.json ? as_json(answers) : text);
  if (!printed) return std::unexpected(printed.error());
  if (const int status = tell_expired(*sources); status != 0) return status;
  return std::ranges::all_of(answers, &Answer::applies) ? 0 : 1;
}

}  // namespace starttls::listtool
