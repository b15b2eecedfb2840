// starttls-listtool lookup: what a domain's mail must obey, says who, and why.
//
//   overrides, lists (their indexes), MTA-STS (its cache, or asked now), DANE (asked now) -> policy::decide()

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <ranges>

#include "base/console.h"
#include "base/next_hop.h"
#include "base/text.h"
#include "discovery/discovery_stack.h"
#include "json/json_text.h"
#include "listtool/arguments.h"
#include "listtool/installed_lists.h"
#include "listtool/list_index.h"
#include "listtool/options.h"
#include "listtool/sendmail/map.h"
#include "listtool/sources.h"
#include "mtastsdb/cache.h"
#include "policy/decision.h"

namespace starttls::listtool {
namespace {

// A list or the overrides, in a file or installed.
struct Place {
  SourceFacts facts;
  std::function<Result<std::optional<IndexedEntry>>(std::string_view domain)> find;
};

struct Places {
  std::vector<Place> lists;  // in overlay order
  std::optional<Place> overrides;
};

// What the DNS and policy hosts say, or once said.
struct Published {
  std::optional<dane::DaneResult> dane;
  mtasts::PolicyState mta_sts;
  std::string note;  // what could not be found out; "" where all could
};

struct Answer {
  std::string next_hop;  // as it was looked up
  std::string domain;    // its policy domain
  policy::Decision policy;
  std::optional<bool> verified;  // of a list, whether its signature was checked
  std::optional<dane::DaneResult> dane;
  std::optional<mtasts::FetchedPolicy> mta_sts;
  std::optional<std::string> postfix;
  std::optional<std::string> sendmail;

  bool applies() const { return policy.mode != policy::Mode::none; }
};

std::string source_of(const policy::Decision& policy) {
  switch (policy.source) {
    case policy::Source::none:
      break;
    case policy::Source::overrides:
      return "override";
    case policy::Source::dane:
      return "dane";
    case policy::Source::mta_sts:
      return "mta-sts";
    case policy::Source::list:
      return "list:" + policy.list;
  }
  return "none";
}

preload::Entry as_entry(const Answer& answer) {
  return {.domain = answer.domain, .mode = preload::Mode::enforce, .joined_mxs = answer.policy.joined_mxs};
}

// What is left out of the entry's list, for want of trust in it or because it has expired.
struct FoundInLists {
  std::optional<policy::ListEntry> entry;
  bool verified = false;
  std::string passed_over;
};

// Matches the very name only: the policy of a parent says nothing about its subdomains.
Result<FoundInLists> find_in_lists(std::string_view domain, std::span<const Place> lists) {
  FoundInLists found;
  for (const Place& place : lists | std::views::reverse) {
    auto entry = place.find(domain);
    if (!entry) return std::unexpected(entry.error());
    if (!*entry) continue;
    if (place.facts.unusable) {
      found.passed_over += fmt::format("; list {} has it but is not used: {}", place.facts.name,
                                       place.facts.unusable->message);
      continue;
    }
    found.entry = {.list = place.facts.name,
                   .mode = (*entry)->mode,
                   .joined_mxs = std::move((*entry)->joined_mxs),
                   .expires = place.facts.expires};
    found.verified = place.facts.signed_by.has_value();
    break;
  }
  return found;
}

Result<std::optional<policy::ListEntry>> find_override(std::string_view domain, const Places& places) {
  if (!places.overrides) return std::nullopt;
  auto entry = places.overrides->find(domain);
  if (!entry) return std::unexpected(entry.error());
  if (!*entry) return std::nullopt;
  return policy::ListEntry{.mode = (*entry)->mode, .joined_mxs = std::move((*entry)->joined_mxs)};
}

// Sendmail cannot do DANE, so that the other sources count.
std::optional<std::string> told_to_sendmail(policy::Inputs known, const std::string& domain) {
  known.dane.reset();
  return sendmail::policy_for(domain, policy::decide(known));
}

void explain(Answer& answer, const FoundInLists& in_lists, const Published& published) {
  std::string& reason = answer.policy.reason;
  if (answer.policy.source == policy::Source::none) {
    reason =
        in_lists.passed_over.empty() ? "no source has this very name" : "no list that may be used has it";
  }
  if (answer.policy.source == policy::Source::list) {
    answer.verified = in_lists.verified;
    if (!in_lists.verified) reason += "; the list's signature was not checked";
  }
  if (answer.policy.source == policy::Source::none || answer.policy.source == policy::Source::list) {
    reason += in_lists.passed_over;
  }
  if (!published.note.empty() && answer.policy.source != policy::Source::overrides) {
    reason += "; " + published.note;
  }
}

Result<Answer> answer_for(const NextHop& next_hop, const Places& places, Published published,
                          const postfix::Rules& rules, bool wait_for_dane, Time now) {
  const DomainName& domain = next_hop.domain();
  auto override_entry = find_override(domain.str(), places);
  if (!override_entry) return std::unexpected(override_entry.error());
  auto in_lists = find_in_lists(domain.str(), places.lists);
  if (!in_lists) return std::unexpected(in_lists.error());
  const policy::Inputs known{.override_entry = std::move(*override_entry),
                             .dane = published.dane,
                             .mta_sts = published.mta_sts.valid(now),
                             .list_entry = in_lists->entry,
                             .early_adopter = rules.early_adopter,
                             .wait_for_dane = wait_for_dane};
  Answer answer{.next_hop = next_hop.str(), .domain = domain.str(), .policy = policy::decide(known)};
  answer.dane = std::move(published.dane);
  if (known.mta_sts != nullptr) answer.mta_sts = *known.mta_sts;
  answer.postfix = postfix::policy_for(
      next_hop, answer.policy, known.mta_sts == nullptr ? nullptr : &known.mta_sts->policy, rules.version);
  if (answer.policy.mode == policy::Mode::undecided) answer.postfix = "TEMP";
  answer.sendmail = told_to_sendmail(known, answer.domain);
  explain(answer, *in_lists, published);
  return answer;
}

std::vector<std::string_view> split_mxs(const Answer& answer) {
  if (answer.policy.joined_mxs.empty()) return {};
  return preload::split_mxs(as_entry(answer));
}

std::string as_text(const Answer& answer) {
  std::string text = answer.next_hop + "\n";
  const auto line = [&](std::string_view label, std::string_view value) {
    text += fmt::format("  {:<8} {}\n", label, printable(value, 65536));
  };
  const policy::Decision& policy = answer.policy;
  if (policy.source != policy::Source::none) {
    const std::string until = policy.expires ? ", until " + to_rfc3339(*policy.expires) : "";
    line("policy", fmt::format("{}, from {}{}", policy::to_string(policy.mode), source_of(policy), until));
  } else {
    line("policy", "none");
  }
  if (const auto mxs = split_mxs(answer); !mxs.empty()) line("mx", fmt::format("{}", fmt::join(mxs, ", ")));
  line("postfix", answer.postfix.value_or("nothing"));
  line("sendmail", answer.sendmail.value_or("nothing"));
  line("reason", policy.reason);
  return text;
}

void text_or_null(json::JsonText& json, std::string_view key, const std::optional<std::string>& text) {
  json.key(key);
  text ? json.text(*text) : json.null();
}

void write(json::JsonText& json, const std::optional<dane::DaneResult>& verdict) {
  json.key("dane");
  if (!verdict) return json.null();
  json.begin_object();
  json.member("status", dane::to_string(verdict->status));
  json.member("reason", verdict->reason);
  json.key("hosts");
  json.begin_array();
  for (const dane::Host& host : verdict->hosts) {
    json.begin_object();
    json.member("name", host.name);
    json.member("binding", dane::to_string(host.tlsa));
    if (!host.reason.empty()) json.member("reason", host.reason);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void write(json::JsonText& json, const std::optional<mtasts::FetchedPolicy>& fetched) {
  json.key("mta_sts");
  if (!fetched) return json.null();
  json.begin_object();
  json.member("id", fetched->id);
  json.member("mode", mtasts::to_string(fetched->policy.mode));
  json.key("mx");
  json.begin_array();
  for (const auto& mx : fetched->policy.mx) json.text(mx.str());
  json.end_array();
  json.member("fetched", to_rfc3339(fetched->fetched));
  json.member("expires", to_rfc3339(fetched->expires()));
  json.end_object();
}

void write(json::JsonText& json, const Answer& answer) {
  const policy::Decision& policy = answer.policy;
  json.begin_object();
  json.member("domain", answer.domain);
  json.member("next_hop", answer.next_hop);
  json.member("applies", answer.applies());
  json.member("source", source_of(policy));
  json.key("mode");
  policy.source == policy::Source::none ? json.null() : json.text(policy::to_string(policy.mode));
  json.key("mx");
  json.begin_array();
  for (const auto mx : split_mxs(answer)) json.text(mx);
  json.end_array();
  text_or_null(json, "expires", policy.expires.transform(to_rfc3339));
  json.key("verified");
  answer.verified ? json.boolean(*answer.verified) : json.null();
  json.member("reason", policy.reason);
  text_or_null(json, "postfix", answer.postfix);
  text_or_null(json, "sendmail", answer.sendmail);
  write(json, answer.mta_sts);
  write(json, answer.dane);
  json.end_object();
}

std::string as_json(const std::vector<Answer>& answers) {
  json::JsonText json;
  json.begin_array();
  for (const Answer& answer : answers) write(json, answer);
  json.end_array();
  return json.take();
}

struct NextHops {
  std::vector<NextHop> next_hops;  // in their order
  int status = 0;                  // what is due for those that are none
};

Result<NextHops> read_next_hops(const std::vector<std::string>& arguments) {
  NextHops read;
  const auto status = each_argument(arguments, [&](std::string_view text) -> Result<void> {
    auto next_hop = NextHop::parse(text);
    if (!next_hop) return std::unexpected(next_hop.error());
    read.next_hops.push_back(std::move(*next_hop));
    return {};
  });
  if (!status) return std::unexpected(status.error());
  read.status = *status;
  return read;
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

Result<Places> places_in_files(const Common& common, const LookupOptions& options) {
  auto sources = read_sources(common, options.lists, options.signature);
  if (!sources) return std::unexpected(sources.error());
  Places places;
  for (Source& source : *sources) places.lists.push_back(in_memory(std::move(source)));
  return places;
}

Result<Place> installed(const Set& set, InstalledList list) {
  const auto nowhere = [](std::string_view) -> Result<std::optional<IndexedEntry>> { return std::nullopt; };
  if (!list.edition) return Place{.facts = std::move(list.facts), .find = nowhere};
  auto opened = ListIndex::open(set.index_of(*list.edition));
  if (!opened) return std::unexpected(opened.error());
  const auto index = std::make_shared<ListIndex>(std::move(*opened));
  return Place{.facts = std::move(list.facts),
               .find = [index](std::string_view domain) { return index->find(domain); }};
}

Result<Places> installed_places(const Common& common) {
  const auto set = current_set(common.configuration.state_dir);
  if (!set) return std::unexpected(set.error());
  Places places;
  for (InstalledList& list : installed_lists(common.configuration, *set, common.now)) {
    auto place = installed(*set, std::move(list));
    if (!place) return std::unexpected(place.error());
    places.lists.push_back(std::move(*place));
  }
  auto overrides = read_overrides_source(common.configuration);
  if (!overrides) return std::unexpected(overrides.error());
  if (*overrides) places.overrides = in_memory(std::move(**overrides));
  return places;
}

// What is known of MTA-STS without asking anybody; nothing is known of DANE.
Result<std::vector<Published>> cached(const Common& common, std::span<const NextHop> next_hops) {
  std::vector<Published> published(next_hops.size());
  auto cache = mtastsdb::Cache::open_to_read(mta_sts_cache(common.configuration));
  if (!cache) return std::unexpected(cache.error());
  if (!*cache) return published;
  for (std::size_t i = 0; i < next_hops.size(); ++i) {
    auto found = (*cache)->find(next_hops[i].domain());
    if (!found) return std::unexpected(found.error());
    if (*found) published[i].mta_sts = std::move(**found);
  }
  return published;
}

Published published(const discovery::DomainFacts& facts) {
  const discovery::MtaStsDiscovery& mta_sts = facts.mta_sts;
  Published result{.dane = facts.dane, .mta_sts = mta_sts.policy_state, .note = {}};
  std::vector<std::string> notes;
  if (mta_sts.record.kind != mtasts::RecordState::Kind::record && !mta_sts.record_reason.empty()) {
    notes.push_back("MTA-STS: " + mta_sts.record_reason);
  }
  if (mta_sts.policy_state.failure) notes.push_back("MTA-STS: " + mta_sts.policy_state.failure->reason);
  result.note = fmt::format("{}", fmt::join(notes, "; "));
  return result;
}

event::Task<std::vector<std::shared_ptr<const discovery::DomainFacts>>> examine(
    discovery::PolicyResolver& policy_resolver, std::span<const NextHop> next_hops) {
  std::vector<event::Task<std::shared_ptr<const discovery::DomainFacts>>> tasks;
  tasks.reserve(next_hops.size());
  for (const NextHop& next_hop : next_hops) tasks.push_back(policy_resolver.examine(next_hop));
  return event::when_all(std::move(tasks));
}

// What is published now.
Result<std::vector<Published>> asked(const Common& common, std::span<const NextHop> next_hops) {
  auto clock = program_clock();
  if (!clock) return std::unexpected(clock.error());
  auto discovery = discovery::DiscoveryStack::begin(
      common.configuration.discovery, mta_sts_cache(common.configuration), std::move(*clock),
      examiner_settings(common.configuration.serve, dane::Detail::hosts));
  if (!discovery) return std::unexpected(discovery.error());
  if ((*discovery)->warning) warn(common, (*discovery)->warning->message);
  const auto facts =
      (*discovery)->loop.run_until_complete(examine(*(*discovery)->policy_resolver, next_hops));
  std::vector<Published> all;
  all.reserve(facts.size());
  for (const auto& of_domain : facts) all.push_back(published(*of_domain));
  return all;
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

bool nothing_is_known(std::span<const Published> published) {
  return std::ranges::none_of(published, [](const Published& one) { return one.mta_sts.policy.has_value(); });
}

}  // namespace

Result<int> lookup(const Common& common, const LookupOptions& options) {
  const auto read = read_next_hops(options.domains);
  if (!read) return std::unexpected(read.error());
  const std::vector<NextHop>& next_hops = read->next_hops;
  if (next_hops.empty() && read->status != 0) return read->status;
  const auto places = options.lists.empty() ? installed_places(common) : places_in_files(common, options);
  if (!places) return std::unexpected(places.error());
  auto published = options.live ? asked(common, next_hops) : cached(common, next_hops);
  if (!published) return std::unexpected(published.error());
  if (places->lists.empty() && !places->overrides && !options.live && nothing_is_known(*published)) {
    return std::unexpected(nothing_installed(common.configuration));
  }
  const postfix::Rules rules = rules_for(common.configuration, options);
  std::vector<Answer> answers;
  answers.reserve(next_hops.size());
  for (std::size_t i = 0; i < next_hops.size(); ++i) {
    auto answer = answer_for(next_hops[i], *places, std::move((*published)[i]), rules,
                             common.configuration.serve.wait_for_dane, common.now);
    if (!answer) return std::unexpected(answer.error());
    answers.push_back(std::move(*answer));
  }
  std::string text;
  for (const Answer& answer : answers) text += as_text(answer);
  const auto printed = print(common.json ? as_json(answers) : text);
  if (!printed) return std::unexpected(printed.error());
  int status = read->status;
  for (const Place& place : places->lists) {
    if (const int told = warn_unusable(place.facts); told != 0) status = told;
  }
  if (status != 0) return status;
  return std::ranges::all_of(answers, &Answer::applies) ? 0 : 1;
}

}  // namespace starttls::listtool
