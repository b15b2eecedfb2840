// starttls-listtool lookup: which policy applies to a domain, from which source, and why.
//
//   overrides, lists (their indexes), MTA-STS (cached, or live), DANE (live) -> policy::decide()

#include <fmt/ranges.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <ranges>

#include "base/console.h"
#include "base/next_hop.h"
#include "base/text.h"
#include "base/try.h"
#include "discovery/discovery_stack.h"
#include "json/json_text.h"
#include "listtool/arguments.h"
#include "listtool/commands.h"
#include "listtool/deliveries.h"
#include "listtool/installed_lists.h"
#include "listtool/lookup_answer.h"
#include "listtool/lookup_lists.h"
#include "mtastsdb/cache.h"
#include "policy/decision.h"

namespace starttls::listtool {
namespace {

struct Rules {
  std::optional<postfix::Version> version;
  bool early_adopter = false;  // treat testing as enforce
};

struct Values {
  std::vector<std::string> domains;
  std::vector<std::filesystem::path> lists;  // empty: the installed ones
  SignatureOptions signature;
  Rules rules;
  bool live = false;  // query the DNS and policy hosts now, as serve does
};

Result<void> set_version(Rules& rules, const std::string& text) {
  if (text.empty()) return fail(Fault::usage, "its value is empty");
  rules.version = TRY(postfix::parse_version(text));
  return {};
}

void declare(Options& options, Values& values) {
  options
      .arguments("DOMAIN", values.domains,
                 "Recipient domains, or next-hops; '-': one a line on standard input")
      .required();
  options.flag("--early-adopter", values.rules.early_adopter, "Treat mode testing as enforce");
  options
      .parsed(
          "--postfix-version", [&](const std::string& text) { return set_version(values.rules, text); }, "V",
          "The Postfix that reads it, as 'postconf -h mail_version' says")
      .once();
  declare_lists(options, values.lists, values.signature);
  options.flag("--live", values.live, "Ask the DNS and policy hosts now");
}

// What the DNS and policy hosts return now, or returned before.
struct Published {
  std::optional<dane::DaneResult> dane;
  mtasts::PolicyState mta_sts;
  std::string note;  // what could not be determined; "" if everything could
};

void explain(LookupAnswer& answer, const ListMatch& match, const Published& published) {
  std::string& reason = answer.policy.reason;
  if (answer.policy.source == policy::Source::none) {
    reason = match.ignored.empty() ? "no source lists this domain" : "no usable list lists this domain";
  }
  if (answer.policy.source == policy::Source::list) {
    answer.verified = match.verified;
    if (!match.verified) reason += "; the list's signature was not checked";
  }
  if (answer.policy.source == policy::Source::none || answer.policy.source == policy::Source::list) {
    reason += match.ignored;
  }
  if (!published.note.empty() && answer.policy.source != policy::Source::overrides) {
    reason += "; " + published.note;
  }
}

Result<LookupAnswer> make_answer(const NextHop& next_hop, const LookupLists& lists,
                                 const Published& published, const Rules& rules, bool wait_for_dane,
                                 Time now) {
  const DomainName& domain = next_hop.domain();
  auto override_entry = TRY(find_override(domain.str(), lists));
  auto match = TRY(find_in_lists(domain.str(), lists.lists));
  const policy::Inputs inputs{.override_entry = std::move(override_entry),
                              .dane = published.dane,
                              .mta_sts = published.mta_sts.valid(now),
                              .list_entry = match.entry,
                              .early_adopter = rules.early_adopter,
                              .wait_for_dane = wait_for_dane};
  LookupAnswer answer{.next_hop = next_hop.str(), .domain = domain.str(), .policy = policy::decide(inputs)};
  answer.dane = published.dane;
  if (inputs.mta_sts != nullptr) answer.mta_sts = *inputs.mta_sts;
  for (const MailServer* const server : mail_servers())
    answer.servers.push_back({.server = server, .policy = server->lookup(next_hop, inputs, rules.version)});
  explain(answer, match, published);
  return answer;
}

struct NextHops {
  std::vector<NextHop> next_hops;  // in their order
  int status = 0;                  // the exit status for arguments that are no next-hops
};

Result<NextHops> read_next_hops(const std::vector<std::string>& arguments) {
  NextHops read;
  const auto status = TRY(for_each_argument(arguments, [&](std::string_view text) -> Result<void> {
    auto next_hop = TRY(NextHop::parse(text));
    read.next_hops.push_back(std::move(next_hop));
    return {};
  }));
  read.status = status;
  return read;
}

// The cached MTA-STS policies, without queries and without DANE.
Result<std::vector<Published>> read_cached(const Context& context, std::span<const NextHop> next_hops) {
  std::vector<Published> published(next_hops.size());
  auto cache = TRY(mtastsdb::Cache::open_to_read(mta_sts_cache(context.configuration)));
  if (!cache) return published;
  for (std::size_t i = 0; i < next_hops.size(); ++i) {
    auto found = TRY(cache->find(next_hops[i].domain()));
    if (found) published[i].mta_sts = std::move(*found);
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
Result<std::vector<Published>> look_up_now(const Context& context, std::span<const NextHop> next_hops) {
  auto discovery = TRY(discovery::DiscoveryStack::begin(
      context.configuration.discovery, mta_sts_cache(context.configuration), context.clock,
      examiner_settings(context.configuration.serve, dane::Detail::hosts)));
  if (discovery->warning) warn(context, discovery->warning->message);
  const auto facts = discovery->loop.run_until_complete(examine(*discovery->policy_resolver, next_hops));
  std::vector<Published> all;
  all.reserve(facts.size());
  for (const auto& of_domain : facts) all.push_back(published(*of_domain));
  return all;
}

// As for the configured map of a server that has versions, unless the command line has other options.
Rules rules_for(const Configuration& configuration, const Values& values) {
  Rules rules = values.rules;
  const auto& outputs = configuration.outputs;
  const auto map =
      std::ranges::find_if(outputs, [](const OutputSettings& output) { return output.server->has_versions; });
  if (!values.lists.empty() || map == outputs.end()) return rules;
  rules.early_adopter = rules.early_adopter || map->early_adopter;
  if (!rules.version) rules.version = map->postfix_version;
  return rules;
}

bool is_cache_empty(std::span<const Published> published) {
  return std::ranges::none_of(published, [](const Published& one) { return one.mta_sts.policy.has_value(); });
}

// A policy is shown whatever state the collector's store is in.
void add_deliveries(LookupAnswer& answer, const Context& context) {
  auto deliveries = read_deliveries(context.configuration.deliveries, answer.domain, context.now);
  if (!deliveries) return warn(context, deliveries.error().message);
  answer.deliveries = std::move(*deliveries);
}

Result<int> run(const Values& values, const Context& context) {
  const auto read = TRY(read_next_hops(values.domains));
  const std::vector<NextHop>& next_hops = read.next_hops;
  if (next_hops.empty() && read.status != 0) return read.status;
  const auto lists = TRY(values.lists.empty() ? open_installed_lists(context)
                                              : lists_in_files(context, values.lists, values.signature));
  const auto published = TRY(values.live ? look_up_now(context, next_hops) : read_cached(context, next_hops));
  if (lists.lists.empty() && !lists.overrides && !values.live && is_cache_empty(published)) {
    return std::unexpected(no_list_installed(context.configuration));
  }
  const Rules rules = rules_for(context.configuration, values);
  std::vector<LookupAnswer> answers;
  answers.reserve(next_hops.size());
  for (std::size_t i = 0; i < next_hops.size(); ++i) {
    auto answer = TRY(make_answer(next_hops[i], lists, published[i], rules,
                                  context.configuration.serve.wait_for_dane, context.now));
    add_deliveries(answer, context);
    answers.push_back(std::move(answer));
  }
  std::string text;
  for (const LookupAnswer& answer : answers) text += to_string(answer);
  TRY(print(context.json ? to_json(answers) : text));
  int status = read.status;
  for (const LookupList& list : lists.lists) {
    if (const int due = warn_unusable(list.facts); due != 0) status = due;
  }
  if (status != 0) return status;
  return std::ranges::all_of(answers, &LookupAnswer::applies) ? 0 : 1;
}

command::DefaultConfig default_config(const Values& values) {
  return values.lists.empty() ? command::DefaultConfig::optional : command::DefaultConfig::ignored;
}

}  // namespace

Command lookup_command() {
  return make_command({.name = "lookup",
                       .summary = "Show the policy of a domain and why it applies",
                       .example = "starttls-listtool lookup example.com"},
                      declare, run, default_config);
}

}  // namespace starttls::listtool
