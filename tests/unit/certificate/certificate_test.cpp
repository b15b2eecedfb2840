#include "certificate/certificate.h"

#include "support/certificates.h"

using namespace starttls;
using namespace starttls::certificate;
using test::issue;
using test::Issued;
using namespace std::string_literals;

namespace {

Certificate certificate_of(const Issued& issued) {
  return test::good(read_der(issued.der));
}

Certificate with_names(std::vector<std::string> names) {
  return {.names = std::move(names)};
}

}  // namespace

TEST_CASE("a certificate is read with all that is judged") {
  const Issued root = issue({.name = "Root", .is_ca = true});
  const Certificate read = certificate_of(
      issue({.name = "mx.example.test", .names = {"MX.example.test", "*.example.test"}}, &root));
  CHECK(read.subject == "CN=mx.example.test");
  CHECK(read.issuer == "CN=Root");
  CHECK(read.common_name == "mx.example.test");
  CHECK(read.names == std::vector<std::string>{"mx.example.test", "*.example.test"});
  CHECK_FALSE(read.has_bad_name);
  CHECK(read.not_before == test::made_at - std::chrono::days(30));
  CHECK(read.not_after == test::made_at + std::chrono::days(30));
  CHECK(read.key == KeyKind::ec);
  CHECK(read.key_bits == 256);
  CHECK(read.curve == "P-256");
  CHECK(read.signature_hash == "SHA256");
  CHECK_FALSE(read.is_ca);
  CHECK_FALSE(read.is_self_signed);
  CHECK(read.serial.starts_with("10"));
  CHECK(!read.public_key.empty());
}

TEST_CASE("an authority is its own issuer") {
  const Certificate root = certificate_of(issue({.name = "Root", .is_ca = true}));
  CHECK(root.is_ca);
  CHECK(root.is_self_signed);
}

TEST_CASE("a certificate with its own name as issuer, signed by another key, is not self-signed") {
  const Issued root = issue({.name = "Same", .is_ca = true});
  CHECK_FALSE(certificate_of(issue({.name = "Same"}, &root)).is_self_signed);
}

TEST_CASE("kinds of keys are distinguished") {
  struct Case {
    std::string key;
    KeyKind kind;
    std::string word;
    int bits;
    std::string curve;
    std::string hash;
  };
  for (const Case& each :
       std::vector<Case>{{"RSA 1024", KeyKind::rsa, "RSA", 1024, "", "SHA256"},
                         {"RSA 2048", KeyKind::rsa, "RSA", 2048, "", "SHA256"},
                         {"P-384", KeyKind::ec, "EC", 384, "P-384", "SHA256"},
                         {"brainpoolP256r1", KeyKind::ec, "EC", 256, "brainpoolP256r1", "SHA256"},
                         {"ED25519", KeyKind::ed25519, "Ed25519", 253, "", ""},
                         {"ED448", KeyKind::ed448, "Ed448", 448, "", ""}}) {
    CAPTURE(each.key);
    const Certificate found = certificate_of(issue({.name = "mx", .key = each.key}));
    CHECK(found.key == each.kind);
    CHECK(to_string(found.key) == each.word);
    CHECK(found.key_bits >= each.bits);
    CHECK(found.curve == each.curve);
    CHECK(found.signature_hash == each.hash);
  }
  CHECK(certificate_of(issue({.name = "mx", .key = "RSA 2048", .hash = EVP_sha1()})).signature_hash ==
        "SHA1");
}

TEST_CASE("names that are no host names are left out and reported") {
  for (const std::string& bad : {"mx.example.test\0.attacker.test"s, ""s, "mx example.test"s,
                                 "m\xFCller.test"s, "mx.example.test\n"s}) {
    CAPTURE(bad);
    const Certificate read = certificate_of(issue({.name = "mx", .names = {"good.example.test", bad}}));
    CHECK(read.has_bad_name);
    CHECK(read.names == std::vector<std::string>{"good.example.test"});
    CHECK_FALSE(matches(read, "mx.example.test"));
  }
}

TEST_CASE("a certificate has a limit of names") {
  std::vector<std::string> names;
  for (std::size_t i = 0; i <= max_names; ++i) names.push_back("m" + std::to_string(i) + ".example.test");
  CHECK(certificate_of(issue({.name = "mx", .names = names})).names.size() == max_names);
}

TEST_CASE("distinguished names are fit for a terminal") {
  struct Case {
    std::string name;
    std::string subject;
    std::string common_name;
  };
  for (const Case& each : std::vector<Case>{{"Müller, Söhne", "CN=Müller\\, Söhne", "Müller, Söhne"},
                                            {"a\x1b[31mred", "CN=a\\1B[31mred", "a\\x1b[31mred"},
                                            {"\u202Eevil", "CN=\\E2\\80\\AEevil", "\\u{202e}evil"},
                                            {"mx\0.attacker.test"s, "CN=mx\\00.attacker.test", ""},
                                            {"", "", ""}}) {
    CAPTURE(each.name);
    const Certificate found = certificate_of(issue({.name = each.name}));
    CHECK(found.subject == each.subject);
    CHECK(found.common_name == each.common_name);
  }
}

TEST_CASE("bytes that are not one certificate are an error") {
  const std::string der = issue({.name = "mx"}).der;
  for (const std::string& bad : {""s, "x"s, der + "x", der.substr(0, der.size() - 1), der + der,
                                 "-----BEGIN CERTIFICATE-----"s, std::string(max_der_size + 1, '0')}) {
    CAPTURE(bad.size());
    CHECK(test::bad(read_der(bad)).fault == Fault::data);
  }
}

TEST_CASE("a text in PEM has its certificates in order, among keys and prose") {
  const Issued root = issue({.name = "Root", .is_ca = true});
  const Issued server = issue({.name = "mx"}, &root);
  const auto read =
      test::good(read_pem("Our server:\n" + server.key_pem() + server.pem() + "and:\n" + root.pem()));
  REQUIRE(read.size() == 2);
  CHECK(read[0].der == server.der);
  CHECK(read[1].der == root.der);
}

TEST_CASE("a text in PEM that is malformed is an error, and never asks for a passphrase") {
  const std::string pem = issue({.name = "mx"}).pem();
  std::string corrupt = pem;
  corrupt[corrupt.size() / 2] = '!';
  std::string encrypted = pem;
  encrypted.insert(encrypted.find('\n') + 1,
                   "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00112233445566778899AABBCCDDEEFF\n\n");
  std::string many;
  for (std::size_t i = 0; i <= max_pem_certificates; ++i) many += pem;
  for (const std::string& bad :
       {""s, "text"s, issue({.name = "mx"}).key_pem(), corrupt, pem + corrupt, encrypted,
        pem.substr(0, pem.size() / 2), many, std::string(max_pem_size + 1, 'x')}) {
    CAPTURE(bad.substr(0, 200));
    CHECK(test::bad(read_pem(bad)).fault == Fault::data);
  }
  CHECK(test::bad(read_pem(pem + corrupt)).message.starts_with("certificate 2: malformed: "));
}

TEST_CASE("a host matches a name, or a wildcard for its left-most label") {
  struct Case {
    std::string name;
    std::string host;
    bool matches;
  };
  for (const Case& each : std::vector<Case>{{"mx.example.test", "mx.example.test", true},
                                            {"*.example.test", "mx.example.test", true},
                                            {"*.example.test", "xn--mller-kva.example.test", true},
                                            {"example.test", "mx.example.test", false},
                                            {"mx.example.test", "example.test", false},
                                            {"*.example.test", "example.test", false},
                                            {"*.example.test", "a.mx.example.test", false},
                                            {"*.example.test", ".example.test", false},
                                            {"m*.example.test", "mx.example.test", false},
                                            {"mx.*.test", "mx.example.test", false},
                                            {"*.*.test", "mx.example.test", false},
                                            {"*.test", "example.test", false},
                                            {"*", "test", false},
                                            {"*.example.test", "*.example.test", true},
                                            {"*.*.test", "*.*.test", false},
                                            {".example.test", "mx.example.test", false},
                                            {"mx.example.test.", "mx.example.test", false},
                                            {"", "", false}}) {
    CAPTURE(each.name, each.host);
    CHECK(matches(with_names({each.name}), each.host) == each.matches);
  }
  CHECK(matches(with_names({"other.test", "*.example.test"}), "mx.example.test"));
  CHECK_FALSE(matches(with_names({}), "mx.example.test"));
}

TEST_CASE("the common name is no name for a host") {
  CHECK_FALSE(matches(certificate_of(issue({.name = "mx.example.test"})), "mx.example.test"));
}
