// starttls-listtool lookup: what a domain's mail must obey, says who, and why.

#include <algorithm>
#include <functional>
#include <memory>
#include <ranges>

#include "base/cli.h"
#include "base/domain.h"
#include "base/text.h"
#include "listtool/index.h"
#include "listtool/installed.h"
#include "listtool/json.h"
#include "listtool/options.h"
#include "listtool/sources.h"

namespace starttls::listtool {
namespace {

// A source of policies, in a file or installed.
struct Place {
  SourceFacts facts;
  std::function<Result<std::optional<IndexedEntry>>(std::string_view domain)> find;
};

struct Answer {
  std::string domain;
  bool applies = false;
  std::string source = "none";
  std::optional<IndexedEntry> entry;  // also where its mode is none
  std::optional<Time> expires;
  std::optional<bool> verified;  // whether the list's signature was checked
  std::string reason;
  std::optional<std::string> postfix;
};

preload::Entry view(const std::string& domain, const IndexedEntry& entry) {
  return {.domain = domain, .mode = entry.mode, .joined_mxs = entry.joined_mxs};
}

std::string reason_for(const SourceFacts& source, const preload::Entry& entry, const postfix::Rules& rules) {
  std::string reason =
      source.is_overrides
          ? fmt::format("the overrides have it with mode {}: ", preload::to_text(entry.mode))
          : fmt::format("list {} has it with mode {}: ", source.name, preload::to_text(entry.mode));
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

void fill(Answer& answer, const Place& place, IndexedEntry entry, const postfix::Rules& rules) {
  const SourceFacts& facts = place.facts;
  const preload::Entry policy = view(answer.domain, entry);
  answer.applies = entry.mode != preload::Mode::none;
  answer.source = facts.is_overrides ? "override" : "list:" + facts.name;
  answer.reason = reason_for(facts, policy, rules);
  answer.postfix = postfix::policy_for(policy, rules);
  if (!facts.is_overrides) {
    answer.expires = facts.expires;
    answer.verified = facts.signed_by.has_value();
    if (!facts.signed_by) answer.reason += "; the list's signature was not checked";
  }
  answer.entry = std::move(entry);
}

// Matches the very name only: the policy of a parent says nothing about its subdomains.
Result<Answer> answer_for(const DomainName& domain, std::span<const Place> places,
                          const postfix::Rules& rules) {
  Answer answer{.domain = domain.str()};
  std::string passed_over;
  for (const Place& place : places | std::views::reverse) {
    auto entry = place.find(answer.domain);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) continue;
    if (place.facts.unusable) {
      passed_over += fmt::format("; list {} has it but is not used: {}", place.facts.name,
                                 place.facts.unusable->message);
      continue;
    }
    fill(answer, place, std::move(**entry), rules);
    answer.reason += passed_over;
    return answer;
  }
  answer.reason =
      (passed_over.empty() ? "no list has this very name" : "no list that may be used has it") + passed_over;
  return answer;
}

std::vector<std::string_view> mxs_of(const Answer& answer) {
  if (!answer.entry || answer.entry->joined_mxs.empty()) return {};
  return preload::mxs_of(view(answer.domain, *answer.entry));
}

std::string as_text(const Answer& answer) {
  std::string text = answer.domain + "\n";
  const auto line = [&](std::string_view label, std::string_view value) {
    text += fmt::format("  {:<8} {}\n", label, printable(value, 65536));
  };
  if (answer.entry) {
    const std::string until = answer.expires ? ", until " + to_rfc3339(*answer.expires) : "";
    line("policy", fmt::format("{}, from {}{}", preload::to_text(answer.entry->mode), answer.source, until));
  } else {
    line("policy", "none");
  }
  if (const auto mxs = mxs_of(answer); !mxs.empty()) line("mx", fmt::format("{}", fmt::join(mxs, ", ")));
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
  for (const auto mx : mxs_of(answer)) json.text(mx);
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

Place in_memory(Source source) {
  const auto shared = std::make_shared<Source>(std::move(source));
  const auto find = [shared](std::string_view domain) -> Result<std::optional<IndexedEntry>> {
    const auto entry = shared->list.find(domain);
    if (!entry) return std::nullopt;
    return IndexedEntry{.mode = entry->mode, .joined_mxs = std::string(entry->joined_mxs)};
  };
  return {.facts = shared->facts, .find = find};
}

Result<std::vector<Place>> places_in_files(const Common& common, const LookupOptions& options) {
  auto sources = read_sources(common, options.lists, options.signature);
  if (!sources) return std::unexpected(sources.error());
  std::vector<Place> places;
  for (Source& source : *sources) places.push_back(in_memory(std::move(source)));
  return places;
}

Result<Place> installed(const Set& set, InstalledList list) {
  const auto nowhere = [](std::string_view) -> Result<std::optional<IndexedEntry>> { return std::nullopt; };
  if (!list.edition) return Place{.facts = std::move(list.facts), .find = nowhere};
  auto opened = Index::open(set.index_of(*list.edition));
  if (!opened) return std::unexpected(opened.error());
  const auto index = std::make_shared<Index>(std::move(*opened));
  return Place{.facts = std::move(list.facts),
               .find = [index](std::string_view domain) { return index->find(domain); }};
}

Result<std::vector<Place>> installed_places(const Common& common) {
  const auto set = current_set(common.configuration.state_dir);
  if (!set) return std::unexpected(set.error());
  std::vector<Place> places;
  for (InstalledList& list : installed_lists(common.configuration, *set, common.now)) {
    auto place = installed(*set, std::move(list));
    if (!place) return std::unexpected(place.error());
    places.push_back(std::move(*place));
  }
  auto overrides = read_overrides_source(common.configuration);
  if (!overrides) return std::unexpected(overrides.error());
  if (*overrides) places.push_back(in_memory(std::move(**overrides)));
  if (places.empty()) return std::unexpected(nothing_installed(common.configuration));
  return places;
}

// What Postfix is told is what its configured map says, unless the command line asks for something else.
postfix::Rules rules_for(const Configuration& configuration, const LookupOptions& options) {
  postfix::Rules rules = options.rules;
  const auto& outputs = configuration.outputs;
  const auto map = std::ranges::find(outputs, Mta::postfix, &OutputSettings::mta);
  if (!options.lists.empty() || map == outputs.end()) return rules;
  rules.early_adopter = rules.early_adopter || map->early_adopter;
  if (!rules.version) rules.version = map->postfix_version;
  return rules;
}

}  // namespace

Result<int> lookup(const Common& common, const LookupOptions& options) {
  const auto domains = read_domains(options.domains);
  if (!domains) return std::unexpected(domains.error());
  const auto places = options.lists.empty() ? installed_places(common) : places_in_files(common, options);
  if (!places) return std::unexpected(places.error());
  const postfix::Rules rules = rules_for(common.configuration, options);
  std::vector<Answer> answers;
  answers.reserve(domains->size());
  for (const DomainName& domain : *domains) {
    auto answer = answer_for(domain, *places, rules);
    if (!answer) return std::unexpected(answer.error());
    answers.push_back(std::move(*answer));
  }
  std::string text;
  for (const Answer& answer : answers) text += as_text(answer);
  const auto printed = print(common.json ? as_json(answers) : text);
  if (!printed) return std::unexpected(printed.error());
  int status = 0;
  for (const Place& place : *places) {
    if (const int told = tell_unusable(place.facts); told != 0) status = told;
  }
  if (status != 0) return status;
  return std::ranges::all_of(answers, &Answer::applies) ? 0 : 1;
}

}  // namespace starttls::listtool
