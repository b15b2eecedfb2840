#include "listtool/setup_keys.h"

#include "certificate/certificate.h"
#include "certificate/tlsa.h"
#include "support/certificates.h"

using namespace starttls;
using namespace starttls::listtool;
using test::issue;
using test::Issued;

namespace {

std::string public_pem(const Issued& issued) {
  BIO* bio = BIO_new(BIO_s_mem());
  PEM_write_bio_PUBKEY(bio, issued.key.get());
  return test::take_text(bio);
}

DomainName host(const std::string& name) {
  return test::good(DomainName::parse(name));
}

}  // namespace

TEST_CASE("a certificate, its private key and its public key make the same TLSA record") {
  const Issued server = issue({.name = "mx"});
  const Issued other = issue({.name = "other"});
  const dns::Tlsa record = test::good(tlsa_of_pem(server.pem(), {}));
  CHECK(record.usage == 3);
  CHECK(record.data.size() == 32);
  CHECK(test::good(tlsa_of_pem(server.pem() + other.pem(), {})) == record);
  CHECK(test::good(tlsa_of_pem(server.key_pem(), {})) == record);
  CHECK(test::good(tlsa_of_pem(public_pem(server), {})) == record);
  // A file of a mail server with everything in it: the key of its certificate, whatever comes first.
  CHECK(test::good(tlsa_of_pem(server.key_pem() + server.pem(), {})) == record);
  CHECK(test::good(tlsa_of_pem(other.pem(), {})) != record);
}

TEST_CASE("each type of TLSA record is made of what it needs") {
  const Issued root = issue({.name = "Root", .is_ca = true});
  const Issued server = issue({.name = "mx"}, &root);
  for (const std::string& type : tlsa_types) {
    CAPTURE(type);
    const TlsaType wanted = parse_tlsa_type(type);
    const dns::Tlsa record = test::good(tlsa_of_pem(root.pem(), wanted));
    CHECK(fmt::format("{} {} {}", record.usage, record.selector, record.matching_type) == type);
    CHECK(certificate::is_usable(record));
    // Usage 2 is for authorities; selector 0 is for certificates.
    CHECK(tlsa_of_pem(server.pem(), wanted).has_value() == (type[0] == '3'));
    CHECK(tlsa_of_pem(server.key_pem(), wanted).has_value() == (type[0] == '3' && type[2] == '1'));
  }
  for (const char* bad : {"", "text", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                          "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"})
    CHECK(test::bad(tlsa_of_pem(bad, {})).fault == Fault::data);
}

TEST_CASE("keys are for one host, or for all MX hosts") {
  const test::TemporaryFolder folder;
  const std::string one = (folder / "one").string();
  const std::string two = (folder / "two=2").string();
  test::write(one, issue({.name = "one"}).pem());
  test::write(two, issue({.name = "two"}).pem());
  const std::vector<DomainName> mx{host("mx1.example.org"), host("mx2.example.org")};

  const auto all = test::good(read_keys({one}, {}, {}, mx));
  REQUIRE(all.size() == 2);
  CHECK(all[0].present == all[1].present);

  // The path has a slash before its "=", so it names no host.
  const auto some =
      test::good(read_keys({"MX2.example.org=" + one, two}, {"mx1.example.org=" + one}, {}, mx));
  REQUIRE(some.size() == 2);
  CHECK(some[0].host.str() == "mx2.example.org");
  CHECK(some[0].present.size() == 2);
  CHECK(some[0].next.empty());
  CHECK(some[1].present.size() == 1);
  CHECK(some[1].next.size() == 1);

  CHECK(test::bad(read_keys({"mx1.example.org=" + one}, {"mx2.example.org=" + one}, {}, mx)).fault ==
        Fault::usage);
  CHECK(test::bad(read_keys({(folder / "none").string()}, {}, {}, mx)).fault == Fault::io);
}
