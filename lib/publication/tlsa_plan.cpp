#include "publication/tlsa_plan.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "certificate/tlsa.h"

namespace starttls::publication {
namespace {

using certificate::Certificate;
using Chain = std::vector<Certificate>;

bool contains(const std::vector<dns::Tlsa>& records, const dns::Tlsa& record) {
  return std::ranges::find(records, record) != records.end();
}

void add(std::vector<dns::Tlsa>& records, const dns::Tlsa& record) {
  if (!contains(records, record)) records.push_back(record);
}

bool same_records(const std::vector<dns::Tlsa>& a, const std::vector<dns::Tlsa>& b) {
  const auto all_in = [](const auto& these, const auto& those) {
    return std::ranges::all_of(these, [&](const dns::Tlsa& record) { return contains(those, record); });
  };
  return all_in(a, b) && all_in(b, a);
}

// One host, its keys, and what was seen of it.
class Planner {
 public:
  Planner(const Wanted& wanted, const HostKeys& keys, const PublishedHost& seen, Time now)
      : wanted_(wanted),
        keys_(keys),
        seen_(seen),
        now_(now),
        base_names_{keys.host.str(), wanted.domain.str()} {}

  TlsaPlan plan();

 private:
  bool matches(const std::vector<dns::Tlsa>& records, const Chain& chain) const {
    return std::ranges::any_of(certificate::match_tlsa(records, chain, base_names_, now_),
                               &certificate::TlsaMatch::matches);
  }
  bool is_in_use(const dns::Tlsa& record) const {
    return std::ranges::any_of(seen_.chains, [&](const Chain& chain) { return matches({record}, chain); });
  }
  bool any_in_use(const std::vector<dns::Tlsa>& records) const {
    return std::ranges::any_of(records, [this](const dns::Tlsa& record) { return is_in_use(record); });
  }

  void keep_published(TlsaPlan& plan);
  void add_shown_keys(TlsaPlan& plan);
  void add_certificate_step(TlsaPlan& plan) const;
  void add_next_step(TlsaPlan& plan) const;
  // How long senders may still have the answer of before in their caches; 0 where it has these records already.
  std::chrono::seconds wait_for(const std::vector<dns::Tlsa>& records) const;

  const Wanted& wanted_;
  const HostKeys& keys_;
  const PublishedHost& seen_;
  Time now_;
  std::vector<std::string> base_names_;
  bool shows_other_key_ = false;  // a server shows a key that is not of keys_
  bool keeps_unseen_ = false;     // a record stays only because not every server was seen
};

// A record stays while a server shows its key, and while that is unknown.
void Planner::keep_published(TlsaPlan& plan) {
  const std::vector<dns::Tlsa> own = plan.records;
  for (const dns::Tlsa& record : seen_.tlsa) {
    if (contains(own, record)) continue;
    const bool in_use = is_in_use(record);
    if (!in_use && seen_.all_seen) continue;
    add(plan.records, record);
    keeps_unseen_ = keeps_unseen_ || !in_use;
  }
}

// A server whose key no record has gets one: without it, senders would defer until its certificate is changed.
void Planner::add_shown_keys(TlsaPlan& plan) {
  const std::vector<dns::Tlsa> own = plan.records;
  for (const Chain& chain : seen_.chains) {
    if (chain.empty() || matches(plan.records, chain)) continue;
    add(plan.records, {.usage = certificate::dane_ee,
                       .selector = certificate::subject_public_key,
                       .matching_type = certificate::sha2_256,
                       .data = certificate::tlsa_data(chain.front(), certificate::subject_public_key,
                                                      certificate::sha2_256)});
  }
}

std::chrono::seconds Planner::wait_for(const std::vector<dns::Tlsa>& records) const {
  const bool all_there =
      std::ranges::all_of(records, [this](const dns::Tlsa& record) { return contains(seen_.tlsa, record); });
  return all_there ? std::chrono::seconds{0} : std::max(seen_.tlsa_ttl, wanted_.ttl);
}

void Planner::add_certificate_step(TlsaPlan& plan) const {
  if (keeps_unseen_) {
    plan.after.push_back(
        {.kind = StepKind::next,
         .action = fmt::format(
             "Run setup again where all addresses of {} can be reached. It keeps TLSA records that "
             "may be in use until it has seen them.",
             keys_.host.str()),
         .why = "Without the record of its key, senders with DANE defer.",
         .source = "RFC 7671 section 8.1"});
  }
  if (!shows_other_key_) return;
  plan.after.push_back(
      {.kind = StepKind::certificate,
       .wait = wait_for(keys_.present),
       .action = fmt::format(
           "Install the certificate of the new key on every server of {}, then run setup again: it "
           "removes the TLSA record of the old key.",
           keys_.host.str()),
       .why = "Senders may use the old TLSA records until their TTL has passed.",
       .source = "RFC 7671 section 8.1"});
}

void Planner::add_next_step(TlsaPlan& plan) const {
  if (keys_.next.empty() || any_in_use(keys_.next)) return;
  plan.after.push_back(
      {.kind = StepKind::certificate,
       .wait = wait_for(keys_.next),
       .action = fmt::format(
           "From now on, {} can change to the next key at any time. Afterwards, run setup again with "
           "that key as --key, and a new one as --next-key.",
           keys_.host.str()),
       .why = "Its TLSA record is published before the key is used.",
       .source = "RFC 7671 section 8.1"});
}

TlsaPlan Planner::plan() {
  TlsaPlan plan;
  for (const auto* records : {&keys_.present, &keys_.next}) {
    for (const dns::Tlsa& record : *records) add(plan.records, record);
  }
  shows_other_key_ = std::ranges::any_of(
      seen_.chains, [&](const Chain& chain) { return !chain.empty() && !matches(plan.records, chain); });
  keep_published(plan);
  add_shown_keys(plan);
  plan.changed = !same_records(plan.records, seen_.tlsa);
  if (seen_.is_signed == false) {
    plan.before.push_back({.kind = StepKind::dnssec,
                           .action = fmt::format("Sign the zone of {} with DNSSEC.", keys_.host.str()),
                           .why = "Senders ignore TLSA records that are not signed.",
                           .source = "RFC 7672 section 2.2"});
  }
  add_certificate_step(plan);
  add_next_step(plan);
  return plan;
}

}  // namespace

Result<TlsaPlan> plan_tlsa(const Wanted& wanted, const HostKeys& keys, const PublishedHost* seen, Time now) {
  const PublishedHost nothing{.name = keys.host.str()};
  const PublishedHost& host = seen != nullptr ? *seen : nothing;
  if (!host.without_starttls.empty()) {
    return fail(Fault::data,
                "{} does not offer STARTTLS at {}: with TLSA records, senders with DANE would defer mail; "
                "switch it on "
                "first",
                keys.host.str(), fmt::join(host.without_starttls, ", "));
  }
  return Planner(wanted, keys, host, now).plan();
}

}  // namespace starttls::publication
