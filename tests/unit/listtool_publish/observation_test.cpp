#include "listtool/publish/observation.h"

#include <algorithm>

#include "examination/samples.h"
#include "support.h"

using namespace starttls;
using namespace starttls::examination::test;
using namespace starttls::listing;
using namespace starttls::listtool::publish;
using starttls::examination::DomainFacts;
using starttls::listingdb::KeptEntry;

namespace {

using Words = std::vector<std::string>;
const Words both{"mx1.example.org", "mx2.example.org"};

// What is known of the sample's domain before it is observed.
KeptEntry candidate() {
  return {.entry = {.domain = sound().domain}};
}
KeptEntry listed(Consent consent, Words mxs = both) {
  KeptEntry kept = candidate();
  kept.entry.state = State::listed;
  kept.entry.consent = consent;
  kept.entry.mxs = std::move(mxs);
  return kept;
}

// Signed DNS says that there is no _starttls-list record, unless a test says otherwise.
Observed observe(const DomainFacts& facts, const KeptEntry& before = candidate(),
                 const dns::Answer& record = none()) {
  return observation_of(before, facts, record, "sector");
}

dns::Answer unsigned_none() {
  dns::Answer answer = none();
  answer.dnssec = dns::Dnssec::insecure;
  return answer;
}

void set_policy(DomainFacts& facts, std::string_view mode, std::string_view max_age = "1209600") {
  facts.mta_sts.page = page(policy_text(mode, "mx: mx1.example.org\nmx: mx2.example.org\n", max_age));
}

void without_dane(DomainFacts& facts) {
  for (examination::HostFacts& host : facts.hosts) set_dane(host, dane::TlsaStatus::absent);
}

// Consents by MTA-STS alone.
DomainFacts with_policy() {
  DomainFacts facts = sound();
  without_dane(facts);
  return facts;
}

}  // namespace

TEST_CASE("a policy in mode enforce is consent, and gives the patterns") {
  const Observed observed = observe(with_policy());
  CHECK(observed.observation.consent == ConsentState::given);
  CHECK(observed.observation.source == Consent::mta_sts);
  CHECK(observed.observation.mxs == both);
  CHECK(observed.observation.is_authenticated);
  CHECK(observed.observation.soundness == Soundness::sound);
  CHECK(observed.observation.faults.empty());
  CHECK(observed.policy_until == sound().now + std::chrono::seconds(1'209'600));
}

TEST_CASE("a wildcard of a policy is a suffix of the list, and what a list cannot have is left out") {
  DomainFacts facts = with_policy();
  facts.mta_sts.page =
      page(policy_text("enforce", "mx: *.example.org\nmx: mx1.example.org\nmx: *.example.org\n"));
  CHECK(observe(facts).observation.mxs == Words{".example.org", "mx1.example.org"});
}

TEST_CASE("another mode, or a max_age below a week, takes the consent back") {
  for (const auto& [mode, max_age] :
       {std::pair("testing", "1209600"), std::pair("none", "1209600"), std::pair("enforce", "604799")}) {
    INFO(mode << ' ' << max_age);
    DomainFacts facts = with_policy();
    set_policy(facts, mode, max_age);
    CHECK(observe(facts, listed(Consent::mta_sts)).observation.consent == ConsentState::withdrawn);
  }
  DomainFacts facts = with_policy();
  set_policy(facts, "enforce", "604800");
  CHECK(observe(facts).observation.consent == ConsentState::given);
}

TEST_CASE("until its max_age is over, a policy that cannot be had is unknown, then it is absent") {
  for (const auto error :
       {http::FetchError::timeout, http::FetchError::certificate, http::FetchError::status}) {
    DomainFacts facts = with_policy();
    facts.mta_sts.page = error_page(error);
    KeptEntry before = listed(Consent::mta_sts);
    before.policy_until = facts.now + std::chrono::seconds(1);
    CHECK(observe(facts, before).observation.consent == ConsentState::unknown);
    CHECK(observe(facts, before).policy_until == before.policy_until);
    before.policy_until = facts.now;
    CHECK(observe(facts, before).observation.consent == ConsentState::absent);
  }
}

TEST_CASE("a policy whose host and mail servers are all out of reach stays unknown") {
  DomainFacts facts = with_policy();
  facts.mta_sts.page = error_page(http::FetchError::timeout);
  stop_all(facts, smtp::Stop::timeout, smtp::Step::connection);
  CHECK(observe(facts, listed(Consent::mta_sts)).observation.consent == ConsentState::unknown);
  CHECK(observe(facts, listed(Consent::mta_sts)).observation.soundness == Soundness::unknown);
}

TEST_CASE("a record that is gone takes the consent back where DNSSEC proves it") {
  DomainFacts facts = with_policy();
  without_mta_sts(facts);
  facts.mta_sts.record = none();
  KeptEntry before = listed(Consent::mta_sts);
  before.policy_until = facts.now + std::chrono::days(3);
  CHECK(observe(facts, before).observation.consent == ConsentState::withdrawn);

  // Without DNSSEC anybody on the way can remove it: as senders do, the list keeps to the policy it knows.
  facts.mta_sts.record = unsigned_none();
  CHECK(observe(facts, before).observation.consent == ConsentState::unknown);
  before.policy_until = facts.now;
  CHECK(observe(facts, before).observation.consent == ConsentState::absent);

  facts.mta_sts.record = failed();
  CHECK(observe(facts, before).observation.consent == ConsentState::unknown);
}

TEST_CASE("usable TLSA records of each MX host are consent, and give its hosts") {
  const Observed observed = observe(only_dane());
  CHECK(observed.observation.consent == ConsentState::given);
  CHECK(observed.observation.source == Consent::dane);
  CHECK(observed.observation.mxs == both);
  CHECK(observed.observation.is_authenticated);
}

TEST_CASE("DANE of some hosts is no consent, and what is not known of one is unknown") {
  DomainFacts facts = only_dane();
  set_dane(facts.hosts.back(), dane::TlsaStatus::absent);
  CHECK(observe(facts).observation.consent == ConsentState::absent);
  CHECK(observe(facts, listed(Consent::dane)).observation.consent == ConsentState::withdrawn);
  set_dane(facts.hosts.back(), dane::TlsaStatus::unknown);
  CHECK(observe(facts, listed(Consent::dane)).observation.consent == ConsentState::unknown);
  facts = only_dane();
  facts.mx.dnssec = dns::Dnssec::insecure;
  CHECK(observe(facts, listed(Consent::dane)).observation.consent == ConsentState::absent);
  facts.mx = bogus();
  CHECK(observe(facts, listed(Consent::dane)).observation.consent == ConsentState::unknown);
}

TEST_CASE("a TXT record that names the list is consent") {
  DomainFacts facts = undemanded();
  const auto consent = [&facts](const dns::Answer& record) {
    return observe(facts, candidate(), record).observation;
  };
  CHECK(consent(texts("v=starttls-list1; list=sector")).consent == ConsentState::given);
  CHECK(consent(texts("v=starttls-list1; list=sector")).mxs == both);
  CHECK(consent(texts("v=starttls-list1; list=sector")).is_authenticated);
  CHECK(consent(texts("v=starttls-list1;list=sector;")).consent == ConsentState::given);
  CHECK(consent(texts("v=starttls-list1; list=other")).consent == ConsentState::absent);
  CHECK(consent(texts("v=starttls-list2; list=sector")).consent == ConsentState::absent);
  CHECK(consent(texts("list=sector")).consent == ConsentState::absent);
  CHECK(consent(failed()).consent == ConsentState::unknown);

  dns::Answer several = texts("v=spf1 -all");
  several.texts.emplace_back("v=starttls-list1; list=other");
  several.texts.emplace_back("v=starttls-list1; list=sector");
  CHECK(consent(several).consent == ConsentState::given);

  dns::Answer plain = texts("v=starttls-list1; list=sector");
  plain.dnssec = dns::Dnssec::insecure;
  CHECK(consent(plain).consent == ConsentState::given);
  CHECK_FALSE(consent(plain).is_authenticated);
}

TEST_CASE("a TXT record that is gone takes the consent back where DNSSEC proves it") {
  const DomainFacts facts = undemanded();
  CHECK(observe(facts, listed(Consent::record), none()).observation.consent == ConsentState::withdrawn);
  CHECK(observe(facts, listed(Consent::record), unsigned_none()).observation.consent == ConsentState::absent);
}

TEST_CASE("the source of consent stays the same while it consents, and then another one counts") {
  DomainFacts facts = sound();
  CHECK(observe(facts, listed(Consent::dane)).observation.source == Consent::dane);
  CHECK(observe(facts, listed(Consent::mta_sts)).observation.source == Consent::mta_sts);
  set_policy(facts, "none");
  const Observation observation = observe(facts, listed(Consent::mta_sts)).observation;
  CHECK(observation.consent == ConsentState::given);
  CHECK(observation.source == Consent::dane);
}

TEST_CASE("who is on the list is sound as long as mail arrives, who is not yet must be without a fault") {
  DomainFacts facts = with_policy();
  chain(facts).has_name = false;  // one of three addresses
  const Observation on_list = observe(facts, listed(Consent::mta_sts)).observation;
  CHECK(on_list.soundness == Soundness::sound);
  CHECK(std::ranges::find(on_list.faults, "certificate-name") != on_list.faults.end());
  CHECK(observe(facts).observation.soundness == Soundness::unsound);
}

TEST_CASE("a domain to which the list delivers nothing is unsound, one that cannot be reached is unknown") {
  DomainFacts facts = with_policy();
  for (examination::HostFacts& host : facts.hosts) {
    for (examination::AddressFacts& address : host.addresses) address.chain->has_name = false;
  }
  CHECK(observe(facts, listed(Consent::mta_sts)).observation.soundness == Soundness::unsound);
  facts = with_policy();
  stop_all(facts, smtp::Stop::timeout, smtp::Step::connection);
  CHECK(observe(facts, listed(Consent::mta_sts)).observation.soundness == Soundness::unknown);
  facts = with_policy();
  facts.mx.status = dns::Status::nxdomain;
  facts.hosts.clear();
  CHECK(observe(facts, listed(Consent::mta_sts)).observation.soundness == Soundness::unsound);
}

TEST_CASE("MX hosts that nobody vouches for are judged by the patterns that are on the list") {
  DomainFacts facts = undemanded();
  facts.mx.dnssec = dns::Dnssec::insecure;
  dns::Answer record = texts("v=starttls-list1; list=sector");
  record.dnssec = dns::Dnssec::insecure;
  const Words elsewhere{"mx.elsewhere.test"};
  const Observation observation = observe(facts, listed(Consent::record, elsewhere), record).observation;
  CHECK(observation.soundness == Soundness::unsound);  // a sender would find no host that the entry covers
  CHECK(observation.mxs == both);
  CHECK_FALSE(observation.is_authenticated);
}

TEST_CASE(
    "foreign MX records without DNSSEC say nothing while the owner's policy is valid and cannot be fetched") {
  DomainFacts facts = with_policy();
  facts.mx.dnssec = dns::Dnssec::insecure;
  facts.mta_sts.page = error_page(http::FetchError::certificate);
  KeptEntry before = listed(Consent::mta_sts, {"mx.elsewhere.test"});
  before.policy_until = facts.now + std::chrono::days(1);
  CHECK(observe(facts, before).observation.soundness == Soundness::unknown);
  // With DNSSEC, with a host that is covered, or when the policy is over, they count.
  facts.mx.dnssec = dns::Dnssec::secure;
  CHECK(observe(facts, before).observation.soundness == Soundness::unsound);
  facts.mx.dnssec = dns::Dnssec::insecure;
  before.policy_until = facts.now;
  CHECK(observe(facts, before).observation.soundness == Soundness::unsound);
  before = listed(Consent::mta_sts);
  before.policy_until = facts.now + std::chrono::days(1);
  for (examination::HostFacts& host : facts.hosts) {
    for (examination::AddressFacts& address : host.addresses) address.chain->has_name = false;
  }
  CHECK(observe(facts, before).observation.soundness == Soundness::unsound);
}

TEST_CASE("new patterns of the owner's own word are those that are judged") {
  const Observation observation =
      observe(with_policy(), listed(Consent::mta_sts, {"mx.elsewhere.test"})).observation;
  CHECK(observation.soundness == Soundness::sound);
  CHECK(observation.mxs == both);
}

TEST_CASE("without consent and without patterns nothing is sound") {
  const Observation observation = observe(undemanded()).observation;
  CHECK(observation.consent == ConsentState::absent);
  CHECK(observation.soundness == Soundness::unsound);
  CHECK(observation.faults == Words{"no-consent"});
}

TEST_CASE("faults of the TLSRPT record keep nobody off the list") {
  DomainFacts facts = with_policy();
  facts.tlsrpt.record = texts("v=TLSRPTv1; rua=ftp://example.org");
  CHECK(observe(facts).observation.soundness == Soundness::sound);
}

TEST_CASE("the owner is reached at the first address of its TLSRPT record, else as postmaster") {
  DomainFacts facts = with_policy();
  facts.tlsrpt.record =
      texts("v=TLSRPTv1; rua=https://example.org/r,mailto:tls@example.org,mailto:b@example.org");
  CHECK(observe(facts).contact == "tls@example.org");
  facts.tlsrpt.record = none();
  CHECK(observe(facts).contact == "postmaster@" + facts.domain.str());
}
