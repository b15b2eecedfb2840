// What happens to the mail of each kind of sender.

#include <functional>

#include "examination/judge.h"
#include "examination/samples.h"
#include "support.h"

using namespace starttls;
using namespace starttls::examination;
using namespace starttls::examination::test;

namespace {

using dane::TlsaStatus;
using smtp::Step;
using smtp::Stop;
using F = DomainFacts&;

Outcome outcome(const DomainFacts& facts, Sender sender) {
  for (const Verdict& verdict : verdicts(facts)) {
    if (verdict.sender == sender) return verdict.outcome;
  }
  FAIL("there is no such verdict");
  return Outcome::cannot_tell;
}

struct Row {
  const char* name;
  DomainFacts (*base)();
  std::function<void(F)> change;
  Outcome mta_sts;
  Outcome dane;
  Outcome opportunistic;
};

void each_chain(F facts, const std::function<void(ChainFacts&)>& change) {
  for (HostFacts& host : facts.hosts) {
    for (AddressFacts& address : host.addresses) change(*address.chain);
  }
}

constexpr auto untrusted = [](ChainFacts& chain) {
  chain.trust.fault = certificate::ChainFault::self_signed;
};
constexpr auto unmatched = [](ChainFacts& chain) { chain.tlsa.assign(2, {}); };

const std::vector<Row> rows{
    {"all is right", sound, [](F) {}, Outcome::delivers, Outcome::delivers, Outcome::can_be_stripped},
    {"nothing demands anything", undemanded, [](F) {}, Outcome::can_be_stripped, Outcome::can_be_stripped,
     Outcome::can_be_stripped},
    {"testing", testing, [](F) {}, Outcome::can_be_stripped, Outcome::can_be_stripped,
     Outcome::can_be_stripped},
    {"untrusted certificates", sound, [](F f) { each_chain(f, untrusted); }, Outcome::defers,
     Outcome::delivers, Outcome::can_be_stripped},
    {"one untrusted certificate", sound, [](F f) { untrusted(chain(f)); }, Outcome::delivers,
     Outcome::delivers, Outcome::can_be_stripped},
    {"other names", sound, [](F f) { each_chain(f, [](ChainFacts& chain) { chain.has_name = false; }); },
     Outcome::defers, Outcome::delivers, Outcome::can_be_stripped},
    {"no TLSA record matches", sound, [](F f) { each_chain(f, unmatched); }, Outcome::delivers,
     Outcome::defers, Outcome::can_be_stripped},
    {"no STARTTLS anywhere", sound, [](F f) { stop_all(f, Stop::no_starttls, Step::ehlo); }, Outcome::defers,
     Outcome::defers, Outcome::plaintext},
    {"no STARTTLS anywhere, and nothing demands it", undemanded,
     [](F f) { stop_all(f, Stop::no_starttls, Step::ehlo); }, Outcome::plaintext, Outcome::plaintext,
     Outcome::plaintext},
    {"the own network blocks port 25", sound, [](F f) { stop_all(f, Stop::timeout, Step::connection); },
     Outcome::cannot_tell, Outcome::cannot_tell, Outcome::cannot_tell},
    {"a rate limit everywhere", sound, [](F f) { stop_all(f, Stop::deferred, Step::greeting); },
     Outcome::cannot_tell, Outcome::cannot_tell, Outcome::cannot_tell},
    {"a rate limit at one address", sound, [](F f) { stop(f, Stop::deferred, Step::greeting); },
     Outcome::delivers, Outcome::delivers, Outcome::can_be_stripped},
    {"the policy covers no host", sound,
     [](F f) { f.mta_sts.page = page(policy_text("enforce", "mx: other.example.net\n")); }, Outcome::defers,
     Outcome::delivers, Outcome::can_be_stripped},
    {"the policy covers one host", sound,
     [](F f) { f.mta_sts.page = page(policy_text("enforce", "mx: mx2.example.org\n")); }, Outcome::delivers,
     Outcome::delivers, Outcome::can_be_stripped},
    {"the policy is not valid", sound, [](F f) { f.mta_sts.page = page("hello"); }, Outcome::can_be_stripped,
     Outcome::delivers, Outcome::can_be_stripped},
    {"the policy host is not reached", sound,
     [](F f) { f.mta_sts.page = error_page(http::FetchError::timeout); }, Outcome::cannot_tell,
     Outcome::delivers, Outcome::can_be_stripped},
    {"the policy host has no valid certificate", sound,
     [](F f) { f.mta_sts.page = error_page(http::FetchError::certificate); }, Outcome::can_be_stripped,
     Outcome::delivers, Outcome::can_be_stripped},
    {"one host without TLSA records", sound, [](F f) { set_dane(mx1(f), TlsaStatus::absent); },
     Outcome::delivers, Outcome::can_be_stripped, Outcome::can_be_stripped},
    {"one host whose TLSA records fail", sound, [](F f) { set_dane(mx1(f), TlsaStatus::unknown); },
     Outcome::delivers, Outcome::delivers, Outcome::can_be_stripped},
    {"the TLSA records of one host fail, and the other does not match", sound,
     [](F f) {
       each_chain(f, unmatched);
       set_dane(mx1(f), TlsaStatus::unknown);
     },
     Outcome::delivers, Outcome::cannot_tell, Outcome::can_be_stripped},
    {"the TLSA records of all hosts fail", sound,
     [](F f) {
       for (HostFacts& host : f.hosts) set_dane(host, TlsaStatus::unknown);
     },
     Outcome::delivers, Outcome::cannot_tell, Outcome::can_be_stripped},
    {"an unsigned MX set", sound, [](F f) { f.mx.dnssec = dns::Dnssec::insecure; }, Outcome::delivers,
     Outcome::can_be_stripped, Outcome::can_be_stripped},
    {"no validation here", sound, [](F f) { f.mx.dnssec = dns::Dnssec::indeterminate; }, Outcome::delivers,
     Outcome::cannot_tell, Outcome::can_be_stripped},
    {"a null MX", sound, [](F f) { f.mx.mxs = {{.preference = 0, .host = ""}}; }, Outcome::no_mail,
     Outcome::no_mail, Outcome::no_mail},
    {"bogus MX records", sound, [](F f) { f.mx = bogus(), f.hosts.clear(); }, Outcome::cannot_tell,
     Outcome::defers, Outcome::cannot_tell},
    {"unknown MX records", sound, [](F f) { f.mx = failed(), f.hosts.clear(); }, Outcome::cannot_tell,
     Outcome::cannot_tell, Outcome::cannot_tell},
    {"no MX host with an address", sound,
     [](F f) {
       for (HostFacts& host : f.hosts) {
         host.a = none(), host.aaaa = none(), host.addresses.clear();
         set_dane(host, TlsaStatus::unreachable);
       }
     },
     Outcome::defers, Outcome::defers, Outcome::defers},
    {"the only MX record names an address", undemanded,
     [](F f) {
       f.hosts.assign(1, {.name = "192.0.2.7"});
       f.hosts[0].a = f.hosts[0].aaaa = failed();  // nothing was looked up
     },
     Outcome::defers, Outcome::defers, Outcome::defers},
    {"the mail servers were not asked", sound,
     [](F f) {
       for (HostFacts& host : f.hosts) {
         for (AddressFacts& address : host.addresses) address = {.address = address.address};
       }
     },
     Outcome::cannot_tell, Outcome::cannot_tell, Outcome::cannot_tell},
};

}  // namespace

TEST_CASE("each kind of sender has its verdict") {
  for (const Row& row : rows) {
    DomainFacts facts = row.base();
    row.change(facts);
    INFO(row.name);
    CHECK(outcome_words.word(outcome(facts, Sender::mta_sts)) == outcome_words.word(row.mta_sts));
    CHECK(outcome_words.word(outcome(facts, Sender::dane)) == outcome_words.word(row.dane));
    CHECK(outcome_words.word(outcome(facts, Sender::opportunistic)) == outcome_words.word(row.opportunistic));
  }
}

TEST_CASE("a sender with a list has a verdict where an entry applies") {
  DomainFacts facts = sound();
  CHECK(outcome(facts, Sender::list) == Outcome::delivers);
  facts.lists[0].mx = {pattern("other.example.net")};
  CHECK(outcome(facts, Sender::list) == Outcome::defers);
  facts.lists[0].mode = mtasts::Mode::testing;
  CHECK(outcome(facts, Sender::list) == Outcome::can_be_stripped);
  facts.lists[0].expires = facts.now;
  CHECK(verdicts(facts).size() == 3);
  // The last one that applies counts.
  facts = sound();
  facts.lists.push_back(facts.lists[0]);
  facts.lists[1].mx = {pattern("other.example.net")};
  CHECK(outcome(facts, Sender::list) == Outcome::defers);
}

TEST_CASE("a verdict is a sentence") {
  CHECK(to_string(verdicts(sound())[0]) ==
        "A sender with MTA-STS delivers over authenticated TLS: 3 of 3 addresses authenticated");
  DomainFacts facts = undemanded();
  CHECK(to_string(verdicts(facts)[0]) ==
        "A sender with MTA-STS delivers, and its TLS could be stripped: there is no valid MTA-STS policy, "
        "and TLS at 3 "
        "of 3 addresses, which nothing demands");
}
