#include "publication/tlsa_plan.h"

#include "certificate/tlsa.h"
#include "samples.h"
#include "support/certificates.h"

using namespace starttls;
using namespace starttls::publication;
using Catch::Matchers::ContainsSubstring;
using certificate::Certificate;

namespace {

Certificate issue_certificate() {
  return test::good(certificate::read_der(test::issue({.name = "mx", .names = {"mx.example.org"}}).der));
}

dns::Tlsa record_of(const Certificate& certificate, std::uint8_t selector = 1) {
  return {.usage = 3,
          .selector = selector,
          .matching_type = 1,
          .data = certificate::tlsa_data(certificate, selector, 1)};
}

// Three keys of a host: the one before, the present and the next one.
struct Keys {
  Certificate old_one = issue_certificate();
  Certificate present = issue_certificate();
  Certificate next = issue_certificate();

  HostKeys wanted() const {
    return {.host = name("mx.example.org"), .present = {record_of(present)}, .next = {}};
  }
  HostKeys wanted_with_next() const {
    HostKeys keys = wanted();
    keys.next = {record_of(next)};
    return keys;
  }
  // A host that shows these certificates, each at an address of its own.
  static PublishedHost host(const std::vector<dns::Tlsa>& tlsa, const std::vector<Certificate>& shown) {
    PublishedHost host{
        .name = "mx.example.org", .is_signed = true, .tlsa = tlsa, .tlsa_ttl = std::chrono::hours(3)};
    for (const Certificate& certificate : shown) host.chains.push_back({certificate});
    host.all_seen = !shown.empty();
    return host;
  }
  // "old present next", in the order of the plan.
  std::string names(const TlsaPlan& plan) const {
    std::string all;
    for (const dns::Tlsa& record : plan.records) {
      if (!all.empty()) all += ' ';
      all += record == record_of(old_one)   ? "old"
             : record == record_of(present) ? "present"
             : record == record_of(next)    ? "next"
                                            : "other";
    }
    return all;
  }
};

const Time now = test::made_at;

}  // namespace

TEST_CASE("TLSA records are published before a key is used, and stay while a server shows it") {
  const Keys keys;
  const dns::Tlsa old_one = record_of(keys.old_one);
  const dns::Tlsa present = record_of(keys.present);
  const dns::Tlsa next = record_of(keys.next);
  struct Case {
    const char* name;
    HostKeys wanted;
    PublishedHost seen;
    std::string records;
    bool changed;
    std::string after;  // kinds()
  };
  PublishedHost half_seen = Keys::host({old_one, present}, {keys.present});
  half_seen.all_seen = false;
  const std::vector<Case> cases{
      {"the first records", keys.wanted(), Keys::host({}, {keys.present}), "present", true, ""},
      {"with the next key", keys.wanted_with_next(), Keys::host({}, {keys.present}), "present next", true,
       "certificate+10800"},
      {"all is published", keys.wanted_with_next(), Keys::host({next, present}, {keys.present}),
       "present next", false, "certificate"},
      {"a new key, whose record is new", keys.wanted(), Keys::host({old_one}, {keys.old_one}), "present old",
       true, "certificate+10800"},
      {"a new key, whose record is there", keys.wanted(), Keys::host({old_one, present}, {keys.old_one}),
       "present old", false, "certificate"},
      {"the new key is in use", keys.wanted(), Keys::host({old_one, present}, {keys.present}), "present",
       true, ""},
      {"one of two servers has the new key", keys.wanted(),
       Keys::host({old_one, present}, {keys.present, keys.old_one}), "present old", false, "certificate"},
      {"nothing is published, and another key is in use", keys.wanted(), Keys::host({}, {keys.old_one}),
       "present old", true, "certificate+10800"},
      {"no server was seen", keys.wanted(), Keys::host({old_one, present}, {}), "present old", false, "next"},
      {"not every server was seen", keys.wanted(), half_seen, "present old", false, "next"},
      {"the next key is in use already", keys.wanted_with_next(), Keys::host({present, next}, {keys.next}),
       "present next", false, ""}};
  for (const Case& each : cases) {
    CAPTURE(each.name);
    const TlsaPlan plan = test::good(plan_tlsa(wanted(), each.wanted, &each.seen, now));
    CHECK(keys.names(plan) == each.records);
    CHECK(plan.changed == each.changed);
    CHECK(plan.before.empty());
    CHECK(kinds(plan.after) == each.after);
  }
}

TEST_CASE("a record of the whole certificate does not match another certificate of the same key") {
  const Keys keys;
  const dns::Tlsa whole = record_of(keys.old_one, 0);
  const PublishedHost host = Keys::host({whole}, {keys.present});
  CHECK(keys.names(test::good(plan_tlsa(wanted(), keys.wanted(), &host, now))) == "present");
}

TEST_CASE("a host that nobody has seen gets the records of its keys") {
  const Keys keys;
  const TlsaPlan plan = test::good(plan_tlsa(wanted(), keys.wanted_with_next(), nullptr, now));
  CHECK(keys.names(plan) == "present next");
  CHECK(plan.changed);
}

TEST_CASE("a zone without DNSSEC is signed before TLSA records mean anything") {
  const Keys keys;
  PublishedHost host = Keys::host({}, {keys.present});
  host.is_signed = false;
  CHECK(kinds(test::good(plan_tlsa(wanted(), keys.wanted(), &host, now)).before) == "dnssec");
  host.is_signed.reset();
  CHECK(test::good(plan_tlsa(wanted(), keys.wanted(), &host, now)).before.empty());
}

TEST_CASE("TLSA records for a host without STARTTLS are refused") {
  const Keys keys;
  PublishedHost host = Keys::host({}, {});
  host.without_starttls = {"192.0.2.1"};
  const Error error = test::bad(plan_tlsa(wanted(), keys.wanted(), &host, now));
  CHECK(error.fault == Fault::data);
  CHECK_THAT(error.message, ContainsSubstring("192.0.2.1"));
}
