#include "certificate/tlsa.h"

#include "support/certificates.h"

using namespace starttls;
using namespace starttls::certificate;
using dns::Tlsa;
using std::chrono::days;
using test::issue;
using test::Issued;
using test::made_at;

namespace {

const std::vector<std::string> mx_name{"mx.example.test"};

Certificate read(const Issued& issued) {
  return test::good(read_der(issued.der));
}

Tlsa record(std::uint8_t usage, std::uint8_t selector, std::uint8_t matching_type, const Issued& of) {
  return {.usage = usage,
          .selector = selector,
          .matching_type = matching_type,
          .data = tlsa_data(read(of), selector, matching_type)};
}

std::vector<Certificate> chain_of(std::initializer_list<const Issued*> issued) {
  std::vector<Certificate> chain;
  for (const Issued* each : issued) chain.push_back(read(*each));
  return chain;
}

TlsaMatch match(const Tlsa& record, const std::vector<Certificate>& chain, Time at = made_at,
                const std::vector<std::string>& names = mx_name) {
  const auto found = match_tlsa({&record, 1}, chain, names, at);
  REQUIRE(found.size() == 1);
  CHECK(found[0].matches == found[0].reason.empty());
  return found[0];
}

// root -> intermediate -> server
struct World {
  Issued root = issue({.name = "Root", .is_ca = true});
  Issued intermediate = issue({.name = "Intermediate", .is_ca = true}, &root);
  Issued server = issue({.name = "mx", .names = {"mx.example.test"}}, &intermediate);
  std::vector<Certificate> whole = chain_of({&server, &intermediate, &root});
  std::vector<Certificate> usual = chain_of({&server, &intermediate});
  std::vector<Certificate> alone = chain_of({&server});
};

constexpr std::uint8_t selectors[] = {0, 1};
constexpr std::uint8_t matching_types[] = {0, 1, 2};

}  // namespace

TEST_CASE("what a record contains is that of RFC 6698") {
  const Issued server = issue({.name = "mx"});
  const Certificate certificate = read(server);
  CHECK(tlsa_data(certificate, 0, 0) == certificate.der);
  CHECK(tlsa_data(certificate, 1, 0) == certificate.public_key);
  CHECK(tlsa_data(certificate, 0, 1).size() == 32);
  CHECK(tlsa_data(certificate, 1, 2).size() == 64);
  CHECK(tlsa_data(certificate, 0, 1) != tlsa_data(certificate, 1, 1));
  CHECK(tlsa_data(certificate, 2, 1).empty());
  CHECK(tlsa_data(certificate, 0, 3).empty());
}

TEST_CASE("DANE-EE matches the server's certificate, whatever its names and dates") {
  const World world;
  const Issued old =
      issue({.name = "x", .names = {"other.test"}, .key = "RSA 1024", .not_after = made_at - days(9)});
  for (const std::uint8_t selector : selectors) {
    for (const std::uint8_t type : matching_types) {
      CAPTURE(int{selector}, int{type});
      CHECK(match(record(3, selector, type, world.server), world.usual).matches);
      CHECK(match(record(3, selector, type, old), chain_of({&old})).matches);
      CHECK_FALSE(match(record(3, selector, type, world.server), chain_of({&old})).matches);
      CHECK_FALSE(match(record(3, selector, type, world.intermediate), world.usual).matches);
    }
  }
  CHECK(match(record(3, 1, 1, old), world.usual).reason == "the server has another key");
  CHECK(match(record(3, 0, 1, old), world.usual).reason == "the server has another certificate");
}

TEST_CASE("DANE-TA matches an authority that the server sends, root or intermediate") {
  const World world;
  for (const std::uint8_t selector : selectors) {
    for (const std::uint8_t type : matching_types) {
      CAPTURE(int{selector}, int{type});
      CHECK(match(record(2, selector, type, world.root), world.whole).matches);
      CHECK(match(record(2, selector, type, world.intermediate), world.usual).matches);
      CHECK(match(record(2, selector, type, world.intermediate), world.whole).matches);
      CHECK_FALSE(
          match(record(2, selector, type, issue({.name = "Root", .is_ca = true})), world.whole).matches);
    }
  }
}

TEST_CASE("DANE-TA by digest needs the authority in what the server sends, by content it does not") {
  const World world;
  const std::string reason = "no authority in the server's chain is the one of the record";
  for (const std::uint8_t type : {sha2_256, sha2_512}) {
    CHECK(match(record(2, 0, type, world.root), world.usual).reason == reason);
    CHECK(match(record(2, 1, type, world.intermediate), world.alone).reason == reason);
  }
  CHECK(match(record(2, 0, 0, world.root), world.usual).matches);
  CHECK(match(record(2, 1, 0, world.root), world.usual).matches);
  CHECK_FALSE(match(record(2, 0, 0, world.root), world.alone).matches);
}

TEST_CASE("DANE-TA needs one of the names, by RFC 6125") {
  const World world;
  const Tlsa anchor = record(2, 1, 1, world.intermediate);
  CHECK(match(anchor, world.usual, made_at, {"example.test", "mx.example.test"}).matches);
  CHECK(match(anchor, world.usual, made_at, {"example.test"}).reason ==
        "the authority matches, but the server's certificate is for another name");
  CHECK_FALSE(match(anchor, world.usual, made_at, {}).matches);
  const Issued wildcard = issue({.name = "x", .names = {"*.example.test"}}, &world.intermediate);
  CHECK(match(anchor, chain_of({&wildcard, &world.intermediate})).matches);
  const Issued partial = issue({.name = "x", .names = {"m*.example.test"}}, &world.intermediate);
  CHECK_FALSE(match(anchor, chain_of({&partial, &world.intermediate})).matches);
  const Issued common_name = issue({.name = "mx.example.test"}, &world.intermediate);
  CHECK(match(anchor, chain_of({&common_name, &world.intermediate})).matches);
}

TEST_CASE("DANE-TA needs valid dates and signatures up to the anchor, but no strong ones") {
  const World world;
  CHECK(match(record(2, 1, 1, world.intermediate), world.usual, made_at + days(31)).reason ==
        "the chain to the authority is not valid: certificate has expired");
  const Issued namesake = issue({.name = "Intermediate", .is_ca = true}, &world.root);
  CHECK_FALSE(match(record(2, 1, 1, namesake), chain_of({&world.server, &namesake})).matches);
  const Issued weak =
      issue({.name = "x", .names = mx_name, .key = "RSA 1024", .hash = EVP_sha1()}, &world.root);
  CHECK(match(record(2, 1, 1, world.root), chain_of({&weak, &world.root})).matches);
}

TEST_CASE("the server's own certificate is no anchor of DANE-TA") {
  const World world;
  CHECK_FALSE(match(record(2, 1, 1, world.server), world.usual).matches);
  CHECK_FALSE(match(record(3, 1, 1, world.root), world.usual).matches);
}

TEST_CASE("records are matched one by one") {
  const World world;
  const std::vector<Tlsa> records{
      record(3, 1, 1, world.root),
      record(3, 1, 1, world.server),
      record(2, 1, 1, world.root),
      record(2, 0, 2, world.intermediate),
      {.usage = 1, .selector = 1, .matching_type = 1, .data = std::string(32, 'x')}};
  const auto found = match_tlsa(records, world.usual, mx_name, made_at);
  REQUIRE(found.size() == records.size());
  CHECK_FALSE(found[0].matches);
  CHECK(found[1].matches);
  CHECK_FALSE(found[2].matches);
  CHECK(found[3].matches);
  CHECK(found[4].reason == "mail servers cannot use the record");
}

TEST_CASE("of a thousand records the first hundred are matched") {
  const World world;
  const std::vector<Tlsa> records(1000, record(2, 1, 1, world.root));
  const auto found = match_tlsa(records, world.whole, mx_name, made_at);
  REQUIRE(found.size() == records.size());
  CHECK(found[max_matched_records - 1].matches);
  CHECK(found[max_matched_records].reason == "there are more than 100 records");
}

TEST_CASE("without a certificate no record matches") {
  const World world;
  CHECK(match(record(3, 1, 1, world.server), {}).reason == "the server sent no certificate");
  CHECK_FALSE(match(record(2, 1, 1, world.root), std::vector<Certificate>(1)).matches);
}
