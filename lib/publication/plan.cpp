// plan(): the records, and the steps in their order.

#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/try.h"
#include "publication/publication.h"
#include "publication/tlsa_plan.h"
#include "publication/web_server.h"

namespace starttls::publication {
namespace {

using mtasts::Mode;
using mtasts::MxPattern;
using mtasts::Policy;
using std::chrono::seconds;

constexpr seconds a_week{7 * 86'400};

// Beside a CNAME record, a name has no others (RFC 1034 section 3.6.2): they are at its target.
std::string owner_of(const std::string& name, const std::string& target) {
  return target.empty() ? name : target;
}

bool covers_any(const MxPattern& pattern, const std::vector<DomainName>& hosts) {
  return std::ranges::any_of(hosts, [&pattern](const DomainName& host) { return pattern.matches(host); });
}

std::string names(const std::vector<MxPattern>& patterns) {
  std::vector<std::string> words;
  words.reserve(patterns.size());
  for (const MxPattern& pattern : patterns) words.push_back(pattern.str());
  return fmt::format("{}", fmt::join(words, ", "));
}

std::vector<std::string> uris(const std::vector<tlsrpt::Destination>& destinations) {
  std::vector<std::string> words;
  words.reserve(destinations.size());
  for (const tlsrpt::Destination& destination : destinations) words.push_back(destination.uri());
  return words;
}

// Makes one publication.
class Planner {
 public:
  Planner(const Wanted& wanted, const Published& published, std::span<const std::string> obstacles)
      : wanted_(wanted), published_(published), obstacles_(obstacles) {}

  Result<Publication> plan();

 private:
  std::string domain() const { return wanted_.domain.str(); }
  const Policy& policy() const { return made_.policy; }
  bool was_enforced() const { return published_.policy && published_.policy->mode == Mode::enforce; }
  // Whether senders may defer by a policy of before. Of one that cannot be fetched any more, nothing is known.
  bool may_be_enforced() const { return published_.policy ? was_enforced() : !published_.id.empty(); }
  seconds max_age_before() const { return published_.policy ? published_.policy->max_age : final_max_age; }
  bool has_reports() const { return !wanted_.rua.empty() || !published_.rua.empty(); }
  bool policy_changes() const {
    return !published_.policy || policy_text(*published_.policy) != made_.policy_text;
  }
  // Patterns of these that are not among those.
  static std::vector<MxPattern> without(const std::vector<MxPattern>& these,
                                        const std::vector<MxPattern>& those);
  seconds ttl(seconds seen) const { return std::max(seen, wanted_.ttl); }
  void add(Step step) { made_.steps.push_back(std::move(step)); }
  void append(std::vector<Step>& steps) { std::ranges::move(steps, std::back_inserter(made_.steps)); }

  Result<void> check_obstacles() const;
  void add_policy_addresses();
  Result<void> add_tlsa();
  void add_texts();
  void add_repair_steps(std::string_view why);
  void add_examination_step();
  void add_policy_steps();
  void add_records_step();
  void add_mx_steps();
  void add_next_steps();
  void add_testing_steps();
  void add_none_step();

  const Wanted& wanted_;
  const Published& published_;
  std::span<const std::string> obstacles_;
  Publication made_;
  std::vector<Step> after_tlsa_;
};

std::vector<MxPattern> Planner::without(const std::vector<MxPattern>& these,
                                        const std::vector<MxPattern>& those) {
  std::vector<MxPattern> left;
  std::ranges::copy_if(these, std::back_inserter(left), [&those](const MxPattern& pattern) {
    return std::ranges::find(those, pattern.str(), &MxPattern::str) == those.end();
  });
  return left;
}

// Where a policy is enforced already, the new one makes nothing worse.
Result<void> Planner::check_obstacles() const {
  if (policy().mode != Mode::enforce || was_enforced() || obstacles_.empty()) return {};
  return fail(Fault::data, "with the mode enforce, senders would defer mail for {}; repair this first: {}",
              domain(), fmt::join(obstacles_, "; "));
}

void Planner::add_policy_addresses() {
  for (const bool ipv4 : {true, false}) {
    RecordSet set{.owner = policy_host(wanted_.domain), .type = ipv4 ? "A" : "AAAA"};
    for (const IpAddress& address : wanted_.policy_addresses) {
      if (address.is_ipv4() == ipv4) set.data.push_back(address.text());
    }
    set.changed = !std::ranges::all_of(set.data, [this](const std::string& address) {
      return std::ranges::find(published_.policy_addresses, address) != published_.policy_addresses.end();
    });
    if (!set.data.empty()) made_.records.push_back(std::move(set));
  }
}

Result<void> Planner::add_tlsa() {
  for (const HostKeys& keys : wanted_.keys) {
    const auto seen = std::ranges::find(published_.hosts, keys.host.str(), &PublishedHost::name);
    TlsaPlan planned =
        TRY(plan_tlsa(wanted_, keys, seen == published_.hosts.end() ? nullptr : &*seen, published_.now));
    const std::string alias = seen == published_.hosts.end() ? "" : seen->tlsa_owner;
    RecordSet set{
        .owner = owner_of("_25._tcp." + keys.host.str(), alias), .type = "TLSA", .changed = planned.changed};
    for (const dns::Tlsa& record : planned.records) set.data.push_back(tlsa_data(record));
    made_.records.push_back(std::move(set));
    append(planned.before);
    std::ranges::move(planned.after, std::back_inserter(after_tlsa_));
  }
  return {};
}

void Planner::add_texts() {
  const std::vector<std::string> rua = uris(wanted_.rua.empty() ? published_.rua : wanted_.rua);
  if (!rua.empty()) {
    made_.records.push_back({.owner = owner_of("_smtp._tls." + domain(), published_.rua_owner),
                             .type = "TXT",
                             .data = {txt_data(fmt::format("v=TLSRPTv1; rua={}", fmt::join(rua, ",")))},
                             .changed = rua != uris(published_.rua)});
  }
  made_.records.push_back({.owner = owner_of("_mta-sts." + domain(), published_.id_owner),
                           .type = "TXT",
                           .data = {txt_data(fmt::format("v=STSv1; id={};", made_.id))},
                           .changed = made_.id != published_.id});
}

void Planner::add_repair_steps(std::string_view why) {
  for (const std::string& obstacle : obstacles_) {
    add({.kind = StepKind::repair, .action = fmt::format("Repair: {}.", obstacle), .why = std::string(why)});
  }
}

// Before senders enforce, whatever could be an obstacle must have been seen.
void Planner::add_examination_step() {
  if (policy().mode != Mode::enforce || was_enforced()) return;
  std::vector<std::string> unseen;
  for (const PublishedHost& host : published_.hosts) {
    if (!host.all_seen) unseen.push_back(host.name);
  }
  if (unseen.empty()) return;
  add({.kind = StepKind::examination,
       .action = fmt::format("Run \"starttls-listtool check {}\" on a host that reaches every address of {}: "
                             "not all of their certificates were seen.",
                             domain(), fmt::join(unseen, ", ")),
       .why =
           "With the mode enforce, senders do not deliver where a certificate is not trusted or has another "
           "name.",
       .source = "RFC 8461 section 4.2"});
}

void Planner::add_policy_steps() {
  if (published_.id.empty() && !published_.policy) {
    add({.kind = StepKind::policy_host,
         .action =
             fmt::format("Give {} {} and a certificate of a public authority.", policy_host(wanted_.domain),
                         wanted_.policy_addresses.empty() ? "an address (A, AAAA)"
                                                          : "its addresses (A, AAAA) from records.zone"),
         .why = "Senders fetch the policy from this host only, and check its certificate.",
         .source = "RFC 8461 section 3.3"});
  }
  if (!policy_changes()) return;
  const std::vector<MxPattern> dropped =
      published_.policy ? without(published_.policy->mx, policy().mx) : std::vector<MxPattern>{};
  const bool waits = was_enforced() && policy().mode == Mode::enforce && !dropped.empty();
  std::string why = "Senders that see the new id must not find the old policy.";
  if (waits) {
    why = fmt::format(
        "The policy no longer has {0}: senders may have the MX records of before in their caches. If the MX "
        "records changed later than that, and a web server reads mta-sts.txt from here, run setup again with "
        "{0} "
        "as --mx, too. {1}",
        names(dropped), why);
  }
  if (!published_.no_policy.empty())
    why = fmt::format("It is not there now: {}. {}", published_.no_policy, why);
  add({.kind = StepKind::policy,
       .wait = waits ? ttl(published_.mx_ttl) : seconds{0},
       .action = fmt::format("Serve mta-sts.txt as https://{}{}, and look that it is there.",
                             policy_host(wanted_.domain), policy_path),
       .why = std::move(why),
       .source = "RFC 8461 section 8.1"});
}

void Planner::add_records_step() {
  std::vector<std::string> owners;
  for (const RecordSet& set : made_.records) {
    if (set.changed) owners.push_back(fmt::format("{} {}", set.owner, set.type));
  }
  if (owners.empty()) return;
  add({.kind = StepKind::records,
       .action =
           fmt::format("Publish these records, by \"nsupdate records.nsupdate\" or from records.zone: {}.",
                       fmt::join(owners, ", ")),
       .why = made_.id == published_.id
                  ? ""
                  : "The id says that there is a new policy. It changes only with the policy.",
       .source = made_.id == published_.id ? "" : "RFC 8461 section 3.1"});
}

void Planner::add_mx_steps() {
  if (policy().mode == Mode::none) return;
  const std::vector<MxPattern> before = published_.policy ? published_.policy->mx : std::vector<MxPattern>{};
  std::vector<MxPattern> to_come = without(policy().mx, before);
  std::erase_if(to_come,
                [this](const MxPattern& pattern) { return covers_any(pattern, published_.mx_hosts); });
  if (!to_come.empty() && may_be_enforced()) {
    add({.kind = StepKind::mx,
         .wait = std::max(max_age_before(), ttl(published_.id_ttl)),
         .action = fmt::format("Add what {} covers to the MX records.", names(to_come)),
         .why = fmt::format(
             "Until then, senders may use the policy of before, for {}; those that look for a new id "
             "before they give up need {}.",
             in_words(max_age_before()), in_words(ttl(published_.id_ttl))),
         .source = "RFC 8461 section 8.1"});
  }
  if (wanted_.mx.empty()) return;
  const std::vector<MxPattern> kept = without(policy().mx, wanted_.mx);
  const bool any_unwanted = std::ranges::any_of(
      kept, [this](const MxPattern& pattern) { return covers_any(pattern, published_.mx_hosts); });
  if (!any_unwanted) return;
  add({.kind = StepKind::mx,
       .action = fmt::format(
           "Remove {} from the MX records if they are not to receive mail any more. Run setup again "
           "when the TTL of the MX records has passed: it removes them from the policy.",
           names(kept)),
       .why = "An MX host is in the policy as long as it is in the DNS.",
       .source = "RFC 8461 section 4.1"});
}

void Planner::add_testing_steps() {
  add_repair_steps("When the policy is enforced, senders do not deliver there.");
  add({.kind = StepKind::evidence,
       .wait = a_week,
       .action =
           has_reports()
               ? fmt::format(
                     "Wait until \"tlsrpt-report advise {}\" says that the policy can change to enforce.",
                     domain())
               : fmt::format("Publish a destination for TLS reports (--rua), collect them, and wait until "
                             "\"tlsrpt-report advise {}\" says that the policy can change to enforce.",
                             domain()),
       .why = "The reports say which senders would not deliver.",
       .source = "RFC 8461 section 5"});
  add({.kind = StepKind::next,
       .action = fmt::format("Run setup with --mode enforce. Senders keep the policy for {} then.",
                             in_words(std::max(enforce_max_age, policy().max_age)))});
}

void Planner::add_none_step() {
  // RFC 8461 section 8.3
  add({.kind = StepKind::next,
       .wait = std::max(max_age_before(), ttl(published_.id_ttl)),
       .action =
           fmt::format("Remove the TXT record of _mta-sts.{}, and then the policy and its host.", domain()),
       .why =
           "Until then, senders may use a policy of before; they find here that it does not count any more.",
       .source = "RFC 8461 section 8.3"});
}

void Planner::add_next_steps() {
  if (policy().mode == Mode::testing) return add_testing_steps();
  if (policy().mode == Mode::none) return add_none_step();
  if (policy().max_age >= final_max_age) return;
  add({.kind = StepKind::next,
       .wait = a_week,
       .action = fmt::format(
           "{}f \"tlsrpt-report advise {}\" still finds no failures, run setup with --max-age {}.",
           has_reports() ? "I" : "Publish a destination for TLS reports (--rua), and i", domain(),
           final_max_age.count()),
       .why = fmt::format(
           "The longer senders keep the policy, the longer an attacker must keep them from it. {} are "
           "good, and a new id replaces a policy at any time.",
           in_words(final_max_age)),
       .source = "RFC 8461 section 10.2"});
}

Result<Publication> Planner::plan() {
  made_.policy = TRY(policy_to_serve(wanted_, published_));
  made_.policy_text = policy_text(made_.policy);
  made_.id = policy_id(made_.policy_text);
  TRY(check_obstacles());
  // Here they are of a policy that is enforced already.
  if (policy().mode == Mode::enforce)
    add_repair_steps("Senders that follow the policy do not deliver there.");
  add_policy_addresses();
  TRY(add_tlsa());
  add_texts();
  add_examination_step();
  add_policy_steps();
  add_records_step();
  append(after_tlsa_);
  add_mx_steps();
  add_next_steps();
  return std::move(made_);
}

}  // namespace

Result<Publication> plan(const Wanted& wanted, const Published& published,
                         std::span<const std::string> obstacles) {
  return Planner(wanted, published, obstacles).plan();
}

}  // namespace starttls::publication
