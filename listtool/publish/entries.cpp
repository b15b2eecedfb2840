// starttls-listtool publish add, remove, hold, import: what the publisher does to entries.

#include <fmt/format.h>

#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/console.h"
#include "base/counted.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "listtool/arguments.h"
#include "listtool/commands.h"
#include "listtool/publish/publisher.h"
#include "mtastsdb/cache.h"
#include "preload/mx_pattern.h"
#include "preload/reader.h"

namespace starttls::listtool::publish {
namespace {

using listing::State;
using listingdb::Change;
using listingdb::KeptEntry;

// What a command does to one domain: nothing where there is nothing to do. `kept`: what is known of it.
using Act =
    std::function<Result<std::optional<Change>>(const DomainName& domain, std::optional<KeptEntry> kept)>;

struct Totals {
  std::size_t changed = 0;
  std::size_t unchanged = 0;
};

// All of them, or none.
Result<Totals> act_on(Publisher& publisher, const std::vector<DomainName>& domains, const Act& act) {
  Totals totals;
  std::vector<Change> changes;
  for (const DomainName& domain : domains) {
    auto change = TRY(act(domain, TRY(publisher.db().find(domain))));
    if (change) changes.push_back(std::move(*change));
    ++(change ? totals.changed : totals.unchanged);
  }
  TRY(publisher.db().save(changes));
  return totals;
}

Result<void> report(const Context& context, const Totals& totals, std::string_view done) {
  if (context.quiet) return {};
  std::string text = fmt::format("{} {}", counted(totals.changed, "domain"), done);
  if (totals.unchanged > 0) text += fmt::format(", {} as before", totals.unchanged);
  return print(text + '\n');
}

Result<int> act(const Context& context, const std::vector<std::string>& arguments, std::string_view done,
                const Act& act) {
  auto read = TRY(read_domains(arguments));
  Publisher publisher = TRY(Publisher::open(context));
  TRY(report(context, TRY(act_on(publisher, read.domains, act)), done));
  return read.status;
}

// A new candidate, or one that comes back; nothing where it is there already.
std::optional<Change> added(const DomainName& domain, std::optional<KeptEntry> kept, Time now,
                            const std::string& words, std::optional<listing::Manual> manual = std::nullopt,
                            std::vector<std::string> mxs = {}) {
  if (kept && kept->entry.state != State::removed) {
    if (!manual) return std::nullopt;
    listing::Transition transition =
        listing::enter_by_hand(kept->entry, now, std::move(*manual), std::move(mxs));
    return Change{.kept = std::move(*kept), .transitions = {std::move(transition)}};
  }
  listing::Added made = listing::add(domain, now, words, std::move(manual), std::move(mxs));
  if (kept) made.transition.from = State::removed;
  return Change{.kept = {.entry = std::move(made.entry)}, .transitions = {std::move(made.transition)}};
}

struct AddValues {
  std::vector<std::string> domains;
  std::string reason;
  std::string until;
  std::vector<std::string> mxs;
};

void declare_add(Options& options, AddValues& values) {
  options.arguments("DOMAIN", values.domains, "Domains; '-': one a line on standard input").required();
  const Option reason = options.option("--reason", values.reason, "TEXT", "Why, for the history");
  const Option until =
      options
          .option("--until", values.until, "DAY",
                  "A manual entry, which needs no consent of its owner until this day (2027-06-30)")
          .needs(reason);
  const Option mx = options.repeated("--mx", values.mxs, "PATTERN", "MX host, or .suffix, of a manual entry");
  mx.needs(until);
  until.needs(mx);
}

Result<std::vector<std::string>> patterns(const std::vector<std::string>& texts) {
  std::vector<std::string> mxs;
  mxs.reserve(texts.size());
  for (const std::string& text : texts)
    mxs.push_back(TRY(with_context(preload::MxPattern::parse(text), "--mx")).str());
  return mxs;
}

Result<int> run_add(const AddValues& values, const Context& context) {
  const std::vector<std::string> mxs = TRY(patterns(values.mxs));
  std::optional<listing::Manual> manual;
  if (!values.until.empty()) {
    manual = {.reason = values.reason, .ends = TRY(with_context(parse_day(values.until), "--until"))};
    if (manual->ends <= context.now) return fail(Fault::usage, "--until: {} is over", values.until);
  }
  return act(context, values.domains, "added",
             [&](const DomainName& domain, std::optional<KeptEntry> kept) -> Result<std::optional<Change>> {
               return added(domain, std::move(kept), context.now, values.reason, manual, mxs);
             });
}

struct ReasonValues {
  std::vector<std::string> domains;
  std::string reason;
  bool release = false;
};

void declare_remove(Options& options, ReasonValues& values) {
  options.arguments("DOMAIN", values.domains, "Domains; '-': one a line on standard input").required();
  options.option("--reason", values.reason, "TEXT", "Why, for the history").required();
}

Result<int> run_remove(const ReasonValues& values, const Context& context) {
  return act(context, values.domains, "removed",
             [&](const DomainName& domain, std::optional<KeptEntry> kept) -> Result<std::optional<Change>> {
               if (!kept) return unknown_domain(context, domain);
               if (kept->entry.state == State::removed) return std::nullopt;
               listing::Transition transition = listing::remove(kept->entry, context.now, values.reason);
               return Change{.kept = std::move(*kept), .transitions = {std::move(transition)}};
             });
}

void declare_hold(Options& options, ReasonValues& values) {
  declare_remove(options, values);
  options.flag("--release", values.release, "Let the entry follow what is observed again");
}

Result<int> run_hold(const ReasonValues& values, const Context& context) {
  return act(context, values.domains, values.release ? "released" : "held",
             [&](const DomainName& domain, std::optional<KeptEntry> kept) -> Result<std::optional<Change>> {
               if (!kept) return unknown_domain(context, domain);
               if (kept->entry.is_held != values.release) return std::nullopt;
               listing::Transition transition =
                   values.release ? listing::release(kept->entry, context.now, values.reason)
                                  : listing::hold(kept->entry, context.now, values.reason);
               return Change{.kept = std::move(*kept), .transitions = {std::move(transition)}};
             });
}

struct ImportValues {
  std::filesystem::path file;
  bool sts_cache = false;
};

void declare_import(Options& options, ImportValues& values) {
  const Option file =
      options.argument("FILE", values.file, "A list in JSON, or domains, one a line ('-': standard input)");
  options
      .flag("--sts-cache", values.sts_cache, "Domains of the MTA-STS cache whose policy is in mode enforce")
      .excludes(file);
}

Result<std::vector<DomainName>> domains_of_list(const std::filesystem::path& file, const std::string& text) {
  const preload::Reading reading = preload::read_list(printable(file.string()), text);
  if (!reading.list) return std::unexpected(reading.list.error());
  std::vector<DomainName> domains;
  domains.reserve(reading.list->size());
  for (std::size_t index = 0; index < reading.list->size(); ++index)
    domains.push_back(TRY(DomainName::parse(reading.list->domain(index))));
  return domains;
}

Domains domains_of_lines(const std::filesystem::path& file, const std::string& text) {
  Domains found;
  const std::string name = file == "-" ? "standard input" : printable(file.string());
  std::set<DomainName> seen;
  const std::size_t refused = for_each_line(name, text, [&](std::string_view line) -> Result<void> {
    auto domain = TRY(DomainName::parse(line));
    if (seen.insert(domain).second) found.domains.push_back(std::move(domain));
    return {};
  });
  if (refused > 0) found.status = static_cast<int>(Fault::data);
  return found;
}

Result<std::vector<DomainName>> domains_of_cache(const Context& context) {
  std::vector<DomainName> domains;
  auto cache = TRY(mtastsdb::Cache::open_to_read(mta_sts_cache(context.configuration)));
  if (!cache) return domains;
  TRY(cache->each([&](const mtastsdb::CacheEntry& entry) {
    const mtasts::FetchedPolicy* const policy = entry.policy_state.valid(context.now);
    if (policy != nullptr && policy->policy.mode == mtasts::Mode::enforce) domains.push_back(entry.domain);
  }));
  return domains;
}

Result<int> run_import(const ImportValues& values, const Context& context) {
  Domains found;
  std::string words = "imported";
  if (values.sts_cache) {
    found.domains = TRY(domains_of_cache(context));
    words += " from the MTA-STS cache";
  } else if (values.file.empty()) {
    return fail(Fault::usage, "FILE is missing, or --sts-cache");
  } else {
    const std::string text = TRY(read_file(values.file, preload::list_size_limit, FileKind::any));
    if (trim(text).starts_with('{')) {
      found.domains = TRY(domains_of_list(values.file, text));
    } else {
      found = domains_of_lines(values.file, text);
    }
    words += " from " + printable(values.file.filename().string());
  }
  Publisher publisher = TRY(Publisher::open(context));
  TRY(report(context,
             TRY(act_on(publisher, found.domains,
                        [&](const DomainName& domain,
                            const std::optional<KeptEntry>& kept) -> Result<std::optional<Change>> {
                          if (kept) return std::nullopt;  // also where it was removed: that stays
                          return added(domain, std::nullopt, context.now, words);
                        })),
             "added"));
  return found.status;
}

}  // namespace

Command add_command() {
  return make_command({.name = "publish add",
                       .summary = "Add domains as candidates for the list",
                       .example = "starttls-listtool publish add example.org"},
                      declare_add, run_add);
}
Command remove_command() {
  return make_command(
      {.name = "publish remove",
       .summary = "Remove domains from the list, and examine them no more",
       .example = "starttls-listtool publish remove example.org --reason 'the domain was sold'"},
      declare_remove, run_remove);
}
Command hold_command() {
  return make_command(
      {.name = "publish hold",
       .summary = "Keep the state of domains as it is, whatever is observed",
       .example = "starttls-listtool publish hold example.org --reason 'moves to other servers'"},
      declare_hold, run_hold);
}
Command import_command() {
  return make_command({.name = "publish import",
                       .summary = "Add the domains of a file, another list or the MTA-STS cache",
                       .example = "starttls-listtool publish import domains.txt"},
                      declare_import, run_import);
}

}  // namespace starttls::listtool::publish
