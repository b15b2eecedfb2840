#include "certificate/chain.h"

#include <openssl/x509_vfy.h>

#include "support/certificates.h"

using namespace starttls;
using namespace starttls::certificate;
using std::chrono::days;
using test::issue;
using test::Issued;
using test::made_at;

namespace {

std::vector<Certificate> chain_of(std::initializer_list<const Issued*> issued) {
  std::vector<Certificate> chain;
  for (const Issued* each : issued) chain.push_back(test::good(read_der(each->der)));
  return chain;
}

Authorities trust(std::initializer_list<const Issued*> roots) {
  return Authorities::of(chain_of(roots));
}

// root -> intermediate -> server
struct World {
  Issued root = issue({.name = "Root", .is_ca = true});
  Issued intermediate = issue({.name = "Intermediate", .is_ca = true}, &root);
  Issued server = issue({.name = "mx"}, &intermediate);
  Issued other_root = issue({.name = "Other root", .is_ca = true});
  Authorities trusted = trust({&root});
  Authorities other = trust({&other_root});
};

void check(const ChainVerdict& verdict, ChainFault fault, std::size_t depth, const std::string& reason) {
  CHECK(to_string(verdict.fault) == to_string(fault));
  CHECK(verdict.depth == depth);
  CHECK(verdict.reason == reason);
}

}  // namespace

TEST_CASE("a chain to a trusted root is valid, with or without the root, in any order") {
  const World world;
  for (const auto& chain : {chain_of({&world.server, &world.intermediate}),
                            chain_of({&world.server, &world.intermediate, &world.root}),
                            chain_of({&world.server, &world.root, &world.intermediate}),
                            chain_of({&world.server, &world.other_root, &world.intermediate})}) {
    check(verify(chain, world.trusted, made_at), ChainFault::none, 0, "");
  }
}

TEST_CASE("missing intermediates are distinguished from an untrusted root") {
  const World world;
  const std::string no_issuer = "unable to get local issuer certificate";
  check(verify(chain_of({&world.server}), world.trusted, made_at), ChainFault::incomplete, 0, no_issuer);
  check(verify(chain_of({&world.server, &world.other_root}), world.trusted, made_at), ChainFault::incomplete,
        0, no_issuer);
  check(verify(chain_of({&world.server, &world.intermediate}), world.other, made_at),
        ChainFault::untrusted_root, 1, no_issuer);
  check(verify(chain_of({&world.server, &world.intermediate, &world.root}), world.other, made_at),
        ChainFault::untrusted_root, 2, "self-signed certificate in certificate chain");
}

TEST_CASE("a self-signed certificate is trusted only if it is an authority itself") {
  const World world;
  const Issued alone = issue({.name = "mx"});
  check(verify(chain_of({&alone}), world.trusted, made_at), ChainFault::self_signed, 0,
        "self-signed certificate");
  check(verify(chain_of({&alone}), trust({&alone}), made_at), ChainFault::none, 0, "");
}

TEST_CASE("dates are compared with the time given, at every depth") {
  const World world;
  const auto chain = chain_of({&world.server, &world.intermediate});
  check(verify(chain, world.trusted, made_at + days(29)), ChainFault::none, 0, "");
  // OpenSSL looks at the root first.
  check(verify(chain, world.trusted, made_at + days(31)), ChainFault::expired, 2, "certificate has expired");
  check(verify(chain, world.trusted, made_at - days(31)), ChainFault::not_yet_valid, 2,
        "certificate is not yet valid");
  const Issued brief = issue({.name = "mx", .not_after = made_at + days(1)}, &world.intermediate);
  check(verify(chain_of({&brief, &world.intermediate}), world.trusted, made_at + days(2)),
        ChainFault::expired, 0, "certificate has expired");
  const Issued old = issue({.name = "Old", .is_ca = true, .not_after = made_at - days(1)}, &world.root);
  const Issued below = issue({.name = "mx"}, &old);
  check(verify(chain_of({&below, &old}), world.trusted, made_at), ChainFault::expired, 1,
        "certificate has expired");
}

TEST_CASE("short keys and SHA-1 make a trusted chain weak") {
  const World world;
  const Issued short_key = issue({.name = "mx", .key = "RSA 1024"}, &world.root);
  check(verify(chain_of({&short_key}), world.trusted, made_at), ChainFault::weak, 0,
        "EE certificate key too weak");
  const Issued sha1 = issue({.name = "mx", .hash = EVP_sha1()}, &world.root);
  check(verify(chain_of({&sha1}), world.trusted, made_at), ChainFault::weak, 0,
        "CA signature digest algorithm too weak");
  const Issued short_ca = issue({.name = "Short", .is_ca = true, .key = "RSA 1024"}, &world.root);
  const Issued below = issue({.name = "mx"}, &short_ca);
  check(verify(chain_of({&below, &short_ca}), world.trusted, made_at), ChainFault::weak, 1,
        "CA certificate key too weak");
}

TEST_CASE("of a weak chain with another fault, the other fault is reported") {
  const World world;
  const Issued weak = issue({.name = "mx", .key = "RSA 1024", .not_after = made_at - days(1)}, &world.root);
  check(verify(chain_of({&weak}), world.trusted, made_at), ChainFault::expired, 0, "certificate has expired");
  check(verify(chain_of({&weak}), world.other, made_at), ChainFault::incomplete, 0,
        "unable to get local issuer certificate");
}

TEST_CASE(
    "a certificate for another purpose, an issuer that is no authority and a wrong signature are faults") {
  const World world;
  const Issued client = issue({.name = "mx", .purpose = "clientAuth"}, &world.root);
  CHECK(verify(chain_of({&client}), world.trusted, made_at).fault == ChainFault::other);
  const Issued no_ca = issue({.name = "No CA"}, &world.root);
  const Issued below = issue({.name = "mx"}, &no_ca);
  CHECK(verify(chain_of({&below, &no_ca}), world.trusted, made_at).fault == ChainFault::other);
  const Issued namesake = issue({.name = "Root", .is_ca = true});
  const Issued forged = issue({.name = "mx"}, &namesake);
  CHECK(verify(chain_of({&forged}), world.trusted, made_at).fault == ChainFault::malformed);
}

TEST_CASE("without certificates there is a fault, too") {
  const World world;
  CHECK(verify({}, world.trusted, made_at).fault == ChainFault::malformed);
  CHECK(verify(std::vector<Certificate>(1), world.trusted, made_at).fault == ChainFault::malformed);
}

TEST_CASE("the order of a chain is that of its issuers") {
  const World world;
  CHECK(is_in_order({}));
  CHECK(is_in_order(chain_of({&world.server})));
  CHECK(is_in_order(chain_of({&world.server, &world.intermediate})));
  CHECK(is_in_order(chain_of({&world.server, &world.intermediate, &world.root})));
  CHECK_FALSE(is_in_order(chain_of({&world.server, &world.root, &world.intermediate})));
  CHECK_FALSE(is_in_order(chain_of({&world.server, &world.server})));
  CHECK_FALSE(is_in_order(chain_of({&world.server, &world.other_root})));
  const Issued namesake = issue({.name = "Intermediate", .is_ca = true}, &world.root);
  CHECK_FALSE(is_in_order(chain_of({&world.server, &namesake})));
  CHECK_FALSE(is_in_order(std::vector<Certificate>(2)));
}

TEST_CASE("the certificates of a CA file are trusted") {
  const World world;
  const test::TemporaryFolder folder;
  test::write(folder / "ca.pem", "Two roots:\n" + world.other_root.pem() + world.root.pem());
  const auto trusted = test::good(Authorities::load(folder / "ca.pem"));
  CHECK(verify(chain_of({&world.server, &world.intermediate}), trusted, made_at).fault == ChainFault::none);
}

TEST_CASE("a copy of the authorities has the same certificates, and flags of its own") {
  const World world;
  const Authorities trusted = trust({&world.root, &world.other_root});
  const auto copy = trusted.copy_store();
  REQUIRE(copy);
  CHECK(sk_X509_OBJECT_num(::X509_STORE_get0_objects(copy.get())) == 2);
  ::X509_STORE_set_flags(copy.get(), X509_V_FLAG_PARTIAL_CHAIN);
  const auto flags = ::X509_VERIFY_PARAM_get_flags(::X509_STORE_get0_param(trusted.store()));
  CHECK((flags & X509_V_FLAG_PARTIAL_CHAIN) == 0);
}

TEST_CASE("a CA file that cannot be used is an error of the configuration") {
  const test::TemporaryFolder folder;
  test::write(folder / "empty.pem", "");
  test::write(folder / "key.pem", issue({.name = "mx"}).key_pem());
  test::write(folder / "broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
  for (const char* name : {"missing.pem", "empty.pem", "key.pem", "broken.pem"}) {
    CAPTURE(name);
    const Error error = test::bad(Authorities::load(folder / name));
    CHECK(error.fault == Fault::config);
    CHECK_THAT(error.message, Catch::Matchers::ContainsSubstring("the CA file cannot be used: "));
    CHECK_THAT(error.message, Catch::Matchers::ContainsSubstring(name));
  }
}

TEST_CASE("the authorities of the system do not trust a test") {
  const World world;
  const auto chain = chain_of({&world.server, &world.intermediate, &world.root});
  const auto system = test::good(Authorities::load(""));
  CHECK(verify(chain, system, made_at).fault == ChainFault::untrusted_root);
}
