#include "certificate/key.h"

#include "certificate/tlsa.h"
#include "support/certificates.h"

using namespace starttls;
using namespace starttls::certificate;
using test::issue;
using test::Issued;
using namespace std::string_literals;

TEST_CASE("a private key of any kind is read, and belongs to its certificate only") {
  for (const char* kind : {"RSA 2048", "P-256", "P-384", "ED25519"}) {
    CAPTURE(kind);
    const Issued server = issue({.name = "mx", .key = kind});
    const Certificate own = test::good(read_der(server.der));
    const Certificate other = test::good(read_der(issue({.name = "mx", .key = kind}).der));
    const PublicKey key = test::good(read_private_key("chain:\n" + server.pem() + server.key_pem()));
    CHECK(key.kind == own.key);
    CHECK(key.bits == own.key_bits);
    CHECK(key.curve == own.curve);
    CHECK(belongs_to(key, own));
    CHECK_FALSE(belongs_to(key, other));
    CHECK(tlsa_data_of_key(key.der, sha2_256) == tlsa_data(own, subject_public_key, sha2_256));
  }
}

TEST_CASE("the older forms of key files are read, too") {
  const Issued server = issue({.name = "mx"});
  BIO* bio = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PrivateKey_traditional(bio, server.key.get(), nullptr, nullptr, 0, nullptr,
                                               nullptr) == 1);
  const std::string text =
      "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n" + test::take_text(bio);
  CHECK_THAT(text, Catch::Matchers::ContainsSubstring("BEGIN EC PRIVATE KEY"));
  CHECK(belongs_to(test::good(read_private_key(text)), test::good(read_der(server.der))));
}

TEST_CASE("a public key alone is read, too") {
  const Issued server = issue({.name = "mx"});
  BIO* bio = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PUBKEY(bio, server.key.get()) == 1);
  const PublicKey key = test::good(read_public_key(test::take_text(bio)));
  CHECK(key.kind == KeyKind::ec);
  CHECK(belongs_to(key, test::good(read_der(server.der))));
  for (const std::string& bad : {""s, server.pem(), server.key_pem(), std::string(max_key_size + 1, 'x')})
    CHECK(test::bad(read_public_key(bad)).fault == Fault::data);
}

TEST_CASE("an encrypted key is an error that names the command which helps") {
  const Error error = test::bad(read_private_key(issue({.name = "mx"}).key_pem("secret")));
  CHECK(error.fault == Fault::data);
  CHECK_THAT(error.message, Catch::Matchers::ContainsSubstring("openssl pkey -in FILE -pubout"));
}

TEST_CASE("a file without a private key is an error") {
  const Issued server = issue({.name = "mx"});
  const std::string key = server.key_pem();
  for (const std::string& bad : {""s, "text"s, server.pem(), key.substr(0, key.size() / 2),
                                 "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"s,
                                 std::string(max_key_size + 1, 'x')}) {
    CAPTURE(bad.substr(0, 100));
    CHECK(test::bad(read_private_key(bad)).fault == Fault::data);
  }
}

TEST_CASE("no key belongs to nothing") {
  CHECK_FALSE(belongs_to({}, {}));
}
