// starttls-listtool publish status, why: what is known of the list, and of one domain.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <map>
#include <string>

#include "base/console.h"
#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "json/json_text.h"
#include "keyring/keyring.h"
#include "listingpages/pages.h"
#include "listtool/commands.h"
#include "listtool/publish/key_files.h"
#include "listtool/publish/publisher.h"
#include "listtool/publish/reports.h"
#include "minisign/key.h"

namespace starttls::listtool::publish {
namespace {

using listing::State;
using listingdb::KeptEntry;

constexpr std::array states{State::candidate, State::watched,   State::listed,
                            State::failing,   State::suspended, State::removed};

struct Values {
  std::string domain;
};

void declare_status(Options& options, Values& values) {
  options.argument("DOMAIN", values.domain, "Of this domain alone");
}
void declare_why(Options& options, Values& values) {
  options.argument("DOMAIN", values.domain, "The domain").required();
}

Result<KeptEntry> find(Publisher& publisher, const std::string& text) {
  const DomainName domain = TRY(DomainName::parse(text));
  auto kept = TRY(publisher.db().find(domain));
  if (!kept) return unknown_domain(publisher.context(), domain);
  return std::move(*kept);
}

std::string to_text(const KeptEntry& kept) {
  const listing::Entry& entry = kept.entry;
  std::string text = fmt::format("{}: {} since {}\n", entry.domain.str(), listing::to_string(entry.state),
                                 to_rfc3339(entry.since));
  if (entry.is_held) text += "held by the publisher\n";
  if (entry.manual) {
    text += fmt::format("entered by hand until {}: {}\n", to_string(to_day(entry.manual->ends)),
                        printable(entry.manual->reason));
  }
  text += fmt::format("consent: {}\n", listing::to_string(entry.consent));
  if (!entry.mxs.empty()) text += fmt::format("MX hosts: {}\n", fmt::join(entry.mxs, " "));
  if (entry.state == State::watched) text += fmt::format("sound days: {}\n", entry.sound_days);
  text +=
      entry.observed ? fmt::format("last check: {}\n", to_rfc3339(*entry.observed)) : "not examined yet\n";
  if (!kept.faults.empty()) text += fmt::format("found: {}\n", fmt::join(kept.faults, " "));
  return text;
}

std::string recent_text(const listing::DeliverySums& deliveries) {
  if (deliveries.reporters == 0) return {};
  return fmt::format("reported in the last {} days: {}\n", listing::delivery_days.count(),
                     listing::to_text(deliveries));
}

struct Totals {
  std::map<State, std::size_t> counts;
  std::optional<listingdb::KeptEdition> edition;
  std::optional<std::uint64_t> pinned;
  KeyVersions keys;
  std::vector<DomainName> doubted;  // on the list; a reporter at least doubts (listing::DeliverySums)
};

Result<std::vector<DomainName>> doubted_domains(Publisher& publisher) {
  Deliveries deliveries = TRY(Deliveries::open(publisher));
  std::vector<DomainName> doubted;
  for (const auto& [domain, sums] : TRY(deliveries.failing())) {
    if (sums.doubting == 0) continue;
    const auto kept = TRY(publisher.db().find(domain));
    if (kept && listing::is_on_list(kept->entry)) doubted.push_back(domain);
  }
  return doubted;
}

Result<Totals> totals_of(Publisher& publisher) {
  Totals totals;
  totals.counts = TRY(publisher.db().counts());
  totals.edition = TRY(publisher.db().newest());
  totals.pinned = TRY(publisher.db().pinned());
  totals.keys = TRY(read_key_versions(publisher.layout(), publisher.settings().name));
  totals.doubted = TRY(doubted_domains(publisher));
  return totals;
}

std::string keys_text(const KeyVersions& keys) {
  std::string text;
  if (const KeyVersion* const newest = keys.newest()) {
    text += fmt::format("keys: version {}, until {}\n", newest->keyring.version,
                        to_string(to_day(newest->keyring.expires)));
  } else {
    text += "keys: none yet\n";
  }
  if (keys.draft) {
    text += fmt::format("keys: version {} waits for signatures: {}\n", keys.draft->keyring.version,
                        keys.draft->unsigned_because ? keys.draft->unsigned_because->message : "");
  }
  return text;
}

std::string to_text(const std::vector<DomainName>& doubted) {
  constexpr std::size_t max_shown = 10;
  if (doubted.empty()) return {};
  std::string text =
      fmt::format("reports say that deliveries fail to {} on the list:", counted(doubted.size(), "domain"));
  for (std::size_t i = 0; i < std::min(doubted.size(), max_shown); ++i) text += ' ' + doubted[i].str();
  return text + (doubted.size() > max_shown ? " ...\n" : "\n");
}

std::string to_text(const Totals& totals, const Context& context) {
  const PublishSettings& settings = context.configuration.publish;
  std::string text = fmt::format("list {}\n", settings.name);
  for (const auto& [state, number] : totals.counts)
    text += fmt::format("{:>8} {}\n", number, listing::to_string(state));
  if (totals.edition) {
    text += fmt::format("edition {} of {}, with {}; it expires on {}\n", totals.edition->number,
                        to_rfc3339(totals.edition->time), counted(totals.edition->entries, "entry"),
                        to_rfc3339(expiry_of(settings, totals.edition->time)));
  } else {
    text += "no edition yet\n";
  }
  if (totals.pinned) {
    text += fmt::format("each edition repeats edition {} until '{}'\n", *totals.pinned,
                        command_line(context, "rollback --end"));
  }
  return text + keys_text(totals.keys) + to_text(totals.doubted);
}

void write_keys(json::JsonText& json, const KeyVersions& keys) {
  const KeyVersion* const newest = keys.newest();
  json.key("keys_version");
  newest != nullptr ? json.number(newest->keyring.version) : json.null();
  json.key("keys_expires");
  newest != nullptr ? json.text(to_rfc3339(newest->keyring.expires)) : json.null();
  json.array("online_keys", [&] {
    if (newest == nullptr) return;
    for (const keyring::SigningKey& each : newest->keyring.signing) {
      json.object([&] {
        json.member("id", minisign::to_string(each.key.id));
        json.member("from", to_rfc3339(each.from));
        json.member("until", to_rfc3339(each.until));
      });
    }
  });
  json.key("keys_draft");
  keys.draft ? json.number(keys.draft->keyring.version) : json.null();
}

std::string to_json(const Totals& totals, const PublishSettings& settings) {
  json::JsonText json;
  json.begin_object();
  json.member("list", settings.name);
  json.key("states");
  json.begin_object();
  for (const State state : states) {
    const auto found = totals.counts.find(state);
    json.member(listing::to_string(state), found == totals.counts.end() ? std::size_t{0} : found->second);
  }
  json.end_object();
  json.key("edition");
  if (totals.edition) {
    json.begin_object();
    json.member("number", totals.edition->number);
    json.member("time", to_rfc3339(totals.edition->time));
    json.member("expires", to_rfc3339(expiry_of(settings, totals.edition->time)));
    json.member("entries", totals.edition->entries);
    json.end_object();
  } else {
    json.null();
  }
  json.key("pinned");
  totals.pinned ? json.number(*totals.pinned) : json.null();
  write_keys(json, totals.keys);
  json.key("doubted");
  json.begin_array();
  for (const DomainName& domain : totals.doubted) json.text(domain.str());
  json.end_array();
  json.end_object();
  return json.take();
}

Result<int> run_status(const Values& values, const Context& context) {
  Publisher publisher = TRY(Publisher::open_to_read(context));
  if (!values.domain.empty()) {
    const KeptEntry kept = TRY(find(publisher, values.domain));
    Deliveries deliveries = TRY(Deliveries::open(publisher));
    const listing::DeliverySums recent = TRY(deliveries.recent(kept.entry.domain));
    TRY(print(context.json ? listingpages::domain_json(kept.entry, kept.faults, {})
                           : to_text(kept) + recent_text(recent)));
    return 0;
  }
  const Totals totals = TRY(totals_of(publisher));
  TRY(print(context.json ? to_json(totals, publisher.settings()) : to_text(totals, context)));
  return 0;
}

std::string to_text(const listing::Transition& transition) {
  const std::string change =
      transition.from == transition.to
          ? std::string(listing::to_string(transition.to))
          : fmt::format("{} -> {}", listing::to_string(transition.from), listing::to_string(transition.to));
  const std::string evidence = transition.evidence.empty() ? "" : ": " + printable(transition.evidence);
  return fmt::format("{}  {}  ({}){}\n", to_rfc3339(transition.time), change,
                     listing::to_string(transition.reason), evidence);
}

std::string report_line(const listing::DeliveryReport& report) {
  return fmt::format("{}  reported by {}: {}\n", to_string(report.day), printable(report.reporter),
                     listing::to_text(report));
}

Result<int> run_why(const Values& values, const Context& context) {
  Publisher publisher = TRY(Publisher::open_to_read(context));
  const KeptEntry kept = TRY(find(publisher, values.domain));
  const listing::Transitions history = TRY(publisher.db().history(kept.entry.domain));
  Deliveries deliveries = TRY(Deliveries::open(publisher));
  const auto reports = TRY(deliveries.all(kept.entry.domain));
  if (context.json) {
    TRY(print(listingpages::domain_json(kept.entry, kept.faults, history, reports)));
    return 0;
  }
  const listing::DeliverySums recent = TRY(deliveries.recent(kept.entry.domain));
  std::string text = to_text(kept) + recent_text(recent) + '\n';
  for (const listing::Transition& transition : history) text += to_text(transition);
  if (!reports.empty()) text += '\n';
  for (const listing::DeliveryReport& report : reports) text += report_line(report);
  TRY(print(text));
  return 0;
}

}  // namespace

Command status_command() {
  return make_command({.name = "publish status",
                       .summary = "Show the state of the list, or of a domain",
                       .example = "starttls-listtool publish status"},
                      declare_status, run_status);
}
Command why_command() {
  return make_command({.name = "publish why",
                       .summary = "Show the whole history of a domain",
                       .example = "starttls-listtool publish why example.org"},
                      declare_why, run_why);
}

}  // namespace starttls::listtool::publish
