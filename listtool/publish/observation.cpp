#include "listtool/publish/observation.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/finding.h"
#include "base/txt_record.h"
#include "examination/judge.h"
#include "mtasts/policy.h"
#include "mtasts/record.h"
#include "preload/mx_pattern.h"
#include "tlsrpt/record.h"

namespace starttls::listtool::publish {
namespace {

using dns::Dnssec;
using dns::Status;
using examination::DomainFacts;
using examination::HostFacts;
using listing::Consent;
using listing::ConsentState;
using listing::Soundness;

// What one source of consent says, and the MX patterns that follow from it.
struct Word {
  Consent source = Consent::none;
  ConsentState state = ConsentState::unknown;
  std::vector<std::string> mxs;
  bool is_authenticated = false;
};

bool is_there(const dns::Answer& answer) {
  return answer.status == Status::found;
}

// Of an answer without the record: only DNSSEC proves that its owner has removed it.
ConsentState state_without(const dns::Answer& answer) {
  if (answer.status == Status::failed) return ConsentState::unknown;
  return answer.dnssec == Dnssec::secure ? ConsentState::withdrawn : ConsentState::absent;
}

std::vector<std::string> sorted(std::vector<std::string> mxs) {
  std::ranges::sort(mxs);
  const auto rest = std::ranges::unique(mxs);
  mxs.erase(rest.begin(), rest.end());
  return mxs;
}

// As a list has them. What a list cannot have (a host of one label) is left out.
std::vector<std::string> patterns_of(const mtasts::Policy& policy) {
  std::vector<std::string> mxs;
  for (const mtasts::MxPattern& mx : policy.mx) {
    const auto pattern = preload::MxPattern::parse(mx.is_wildcard() ? "." + mx.name().str() : mx.str());
    if (pattern) mxs.push_back(pattern->str());
  }
  return sorted(std::move(mxs));
}

// The MX hosts themselves; without MX records, the domain (RFC 5321 section 5.1).
std::vector<std::string> hosts_of(const DomainFacts& facts) {
  std::vector<std::string> mxs;
  if (facts.hosts_left_out > 0) return mxs;
  for (const HostFacts& host : facts.hosts) {
    if (const auto pattern = preload::MxPattern::parse(host.name)) mxs.push_back(pattern->str());
  }
  return sorted(std::move(mxs));
}

// The policy that the host returned, if it is valid.
std::optional<mtasts::Policy> fetched_policy(const examination::MtaStsFacts& facts) {
  if (!facts.page || facts.page->error != http::FetchError::none) return std::nullopt;
  return mtasts::read_policy(facts.page->body).policy;
}

// RFC 8461 section 5.1: until its max_age is over, senders use the last policy, whatever the DNS says.
Word by_mta_sts(const DomainFacts& facts, std::optional<Time>& until, bool is_reached) {
  Word word{.source = Consent::mta_sts};
  const bool is_valid_still = until && facts.now < *until;
  const dns::Answer& record = facts.mta_sts.record;
  if (record.status == Status::failed) return word;
  if (!mtasts::read_records(record.texts).record) {
    if (!is_valid_still || record.dnssec == Dnssec::secure) word.state = state_without(record);
    return word;
  }
  const std::optional<mtasts::Policy> policy = fetched_policy(facts.mta_sts);
  if (!policy) {
    // Where the mail servers cannot be reached either, the trouble may be our own.
    if (!is_valid_still && is_reached) word.state = ConsentState::absent;
    return word;
  }
  if (policy->mode != mtasts::Mode::enforce || policy->max_age < listing::min_max_age) {
    word.state = ConsentState::withdrawn;
    until.reset();
    return word;
  }
  word.state = ConsentState::given;
  word.mxs = patterns_of(*policy);
  word.is_authenticated = true;
  until = facts.now + policy->max_age;
  return word;
}

// Each MX host of a signed MX set must have usable TLSA records.
Word by_dane(const DomainFacts& facts) {
  Word word{.source = Consent::dane};
  if (facts.mx.status == Status::failed || facts.mx.dnssec == Dnssec::indeterminate) return word;
  const auto has = [](dane::TlsaStatus status) {
    return [status](const HostFacts& host) { return host.dane && host.dane->tlsa == status; };
  };
  const auto any = [&facts](const auto& holds) { return std::ranges::any_of(facts.hosts, holds); };
  const bool is_signed = facts.mx.dnssec == Dnssec::secure;
  if (!is_signed || facts.hosts.empty() || any(has(dane::TlsaStatus::absent)) ||
      any(has(dane::TlsaStatus::unusable))) {
    word.state = is_signed ? ConsentState::withdrawn : ConsentState::absent;
    return word;
  }
  if (any([](const HostFacts& host) { return !host.dane; }) || any(has(dane::TlsaStatus::unknown)) ||
      !any(has(dane::TlsaStatus::usable)))
    return word;
  word.state = ConsentState::given;
  word.mxs = hosts_of(facts);
  word.is_authenticated = true;
  return word;
}

bool names_list(const dns::Answer& answer, std::string_view list) {
  constexpr std::string_view version = "v=starttls-list1";
  for (std::size_t number = 0; number < answer.texts.size(); ++number) {
    if (!answer.texts[number].starts_with(version)) continue;
    Findings findings;
    for (const TxtField& field : parse_txt_fields(answer.texts, number, Severity::note, findings)) {
      if (field.name == "list" && field.value == list) return true;
    }
  }
  return false;
}

Word by_record(const DomainFacts& facts, const dns::Answer& record, std::string_view list) {
  Word word{.source = Consent::record};
  if (!is_there(record) || !names_list(record, list)) {
    word.state = state_without(record);
    return word;
  }
  word.state = ConsentState::given;
  if (facts.mx.status != Status::failed) word.mxs = hosts_of(facts);
  word.is_authenticated = facts.mx.dnssec == Dnssec::secure && record.dnssec == Dnssec::secure;
  return word;
}

// One that consents, the source of before if possible; else what that source says now.
Word choose(std::span<Word> words, Consent before) {
  const auto is_given = [](const Word& word) { return word.state == ConsentState::given; };
  const auto same = std::ranges::find(words, before, &Word::source);
  if (same != words.end() && is_given(*same)) return *same;
  if (const auto given = std::ranges::find_if(words, is_given); given != words.end()) return *given;
  if (same != words.end()) return *same;
  const bool is_unknown = std::ranges::find(words, ConsentState::unknown, &Word::state) != words.end();
  return {.state = is_unknown ? ConsentState::unknown : ConsentState::absent};
}

// The facts as they would be with an entry on the list.
DomainFacts with_entry(const DomainFacts& facts, std::string_view list, const std::vector<std::string>& mxs) {
  examination::ListFacts entry{.list = std::string(list), .mode = mtasts::Mode::enforce};
  for (const std::string& mx : mxs) {
    if (auto pattern = mtasts::MxPattern::parse(mx.starts_with('.') ? "*" + mx : mx))
      entry.mx.push_back(std::move(*pattern));
  }
  DomainFacts with = facts;
  with.lists = {std::move(entry)};
  return with;
}

// Whether a fault in it keeps a domain off the list.
bool matters(const examination::Finding& finding) {
  return finding.level == examination::Level::fault &&
         examination::describe(finding.code).topic != examination::Topic::tlsrpt;
}

examination::Outcome outcome_for(examination::Sender sender, const DomainFacts& facts) {
  const auto verdicts = examination::verdicts(facts);
  const auto found = std::ranges::find(verdicts, sender, &examination::Verdict::sender);
  return found == verdicts.end() ? examination::Outcome::cannot_tell : found->outcome;
}

bool is_reached(const DomainFacts& facts) {
  return outcome_for(examination::Sender::opportunistic, facts) != examination::Outcome::cannot_tell;
}

struct Judgement {
  Soundness soundness = Soundness::unknown;
  std::vector<std::string> faults;
};

Judgement judge(const DomainFacts& facts, bool is_on_list) {
  Judgement judgement;
  for (const examination::Finding& finding : examination::judge(facts)) {
    if (matters(finding)) judgement.faults.emplace_back(examination::describe(finding.code).word);
  }
  judgement.faults = sorted(std::move(judgement.faults));
  const examination::Outcome outcome = outcome_for(examination::Sender::list, facts);
  if (outcome == examination::Outcome::cannot_tell) return judgement;
  const bool is_delivered = outcome == examination::Outcome::delivers;
  const bool is_sound = is_delivered && (is_on_list || judgement.faults.empty());
  judgement.soundness = is_sound ? Soundness::sound : Soundness::unsound;
  if (!is_delivered && judgement.faults.empty()) judgement.faults.emplace_back("not-delivered");
  return judgement;
}

// Whether the MX hosts may be an attacker's: none is covered by the entry, no DNSSEC vouches for them, and the owner,
// whose policy is still valid, cannot be asked.
bool are_strange(const DomainFacts& facts, const Word& word, const std::vector<std::string>& mxs) {
  if (word.state != ConsentState::unknown || facts.mx.dnssec == Dnssec::secure) return false;
  const DomainFacts with = with_entry(facts, "", mxs);
  return std::ranges::none_of(facts.hosts, [&with](const HostFacts& host) {
    const auto name = DomainName::parse(host.name);
    return name && std::ranges::any_of(with.lists.front().mx, [&name](const mtasts::MxPattern& pattern) {
             return pattern.matches(*name);
           });
  });
}

std::string contact_of(const DomainFacts& facts) {
  const auto reading = tlsrpt::read_records(facts.tlsrpt.record.texts);
  if (reading.record) {
    for (const tlsrpt::Destination& destination : reading.record->destinations) {
      if (destination.scheme == tlsrpt::Destination::Scheme::mailto) return destination.target;
    }
  }
  return "postmaster@" + facts.domain.str();
}

}  // namespace

Observed observation_of(const listingdb::KeptEntry& before, const DomainFacts& facts,
                        const dns::Answer& record, std::string_view list) {
  const listing::Entry& entry = before.entry;
  Observed observed{
      .observation = {.time = facts.now}, .policy_until = before.policy_until, .contact = contact_of(facts)};
  std::array words{by_mta_sts(facts, observed.policy_until, is_reached(facts)), by_dane(facts),
                   by_record(facts, record, list)};
  Word word = choose(words, entry.consent);

  const bool is_on_list = listing::is_on_list(entry);
  const bool takes_mxs = !word.mxs.empty() && (word.is_authenticated || !is_on_list);
  const std::vector<std::string>& mxs = takes_mxs ? word.mxs : entry.mxs;
  Judgement judgement;
  if (mxs.empty()) {
    judgement = {.soundness = Soundness::unsound, .faults = {"no-consent"}};
  } else {
    judgement = judge(with_entry(facts, list, mxs), is_on_list);
  }
  if (judgement.soundness == Soundness::unsound && is_on_list && are_strange(facts, word, mxs))
    judgement.soundness = Soundness::unknown;
  listing::Observation& observation = observed.observation;
  observation.soundness = judgement.soundness;
  observation.faults = std::move(judgement.faults);
  observation.consent = word.state;
  observation.source = word.source;
  observation.mxs = std::move(word.mxs);
  observation.is_authenticated = word.is_authenticated;
  return observed;
}

}  // namespace starttls::listtool::publish
