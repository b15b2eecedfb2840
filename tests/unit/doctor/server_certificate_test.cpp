#include "doctor/server_certificate.h"

#include "support/certificates.h"
#include "support/doctor_cases.h"

using namespace starttls;
using namespace starttls::doctor;
using namespace starttls::test;

namespace {

const CertificateCommands commands{.set = "SET", .reload = "RELOAD"};

Issued server(const std::string& name) {
  return issue({.name = name, .names = {name}});
}

PemFile file(const std::string& name, const std::string& text) {
  return {.facts = path(name, S_IFREG | 0600), .text = text};
}

// "CHAIN-FILE number of certificates KEY-FILE whether they match" of each.
std::string shown(const std::vector<ServerCertificate>& certificates) {
  std::string text;
  for (const ServerCertificate& each : certificates) {
    const bool is_pair = each.chain && each.key && certificate::belongs_to(*each.key, each.chain->front());
    text += fmt::format("{} {} {} {}\n", each.file.path.string(), each.chain ? each.chain->size() : 0,
                        each.key_file.path.string(), is_pair);
  }
  return text;
}

std::string seen(const ServerCertificate& certificate, Time now) {
  std::string text;
  for (const Check& check : findings_of(server_certificate_checks(certificate, now, commands)))
    text += check.code + " " + check.seen + "\n";
  return text;
}

}  // namespace

TEST_CASE("a key begins a chain, in as many files as there are") {
  const Issued a = server("a.test");
  const Issued b = server("b.test");
  const auto read = [](std::vector<PemFile> files) { return shown(read_chains(files)); };
  CHECK(read({file("k", a.key_pem()), file("c", a.pem() + b.pem())}) == "c 2 k true\n");
  CHECK(read({file("f", a.key_pem() + a.pem() + b.key_pem() + b.pem())}) == "f 1 f true\nf 1 f true\n");
  CHECK(read({file("k", "a comment\n" + a.key_pem()), file("c", a.pem()),
              file("l", b.key_pem() + b.pem())}) == "c 1 k true\nl 1 l true\n");
  CHECK(read({file("k", b.key_pem()), file("c", a.pem())}) == "c 1 k false\n");
  CHECK(read({}).empty());
  CHECK(read({file("none", "no block"), file("cut", "-----BEGIN CERTIFICATE-----\nMII")}).empty());
}

TEST_CASE("a chain without its key, and a key without its chain, are errors") {
  const Issued a = server("a.test");
  const auto before = read_chains(std::vector{file("c", a.pem()), file("k", a.key_pem())});
  REQUIRE(before.size() == 2);
  CHECK(seen(before[0], made_at) == "smtpd-key has a certificate, and no private key before it\n");
  CHECK(seen(before[1], made_at) == "smtpd-certificate has a private key, and no certificate follows it\n");
  CHECK(before[1].file.path == "k");
}

TEST_CASE("a file that cannot be read does not hide the others") {
  const Issued a = server("a.test");
  const PemFile gone{.facts = missing("gone"), .text = fail(Fault::io, "gone: No such file or directory")};
  const auto read = read_chains(std::vector{gone, file("f", a.key_pem() + a.pem())});
  REQUIRE(read.size() == 2);
  CHECK(seen(read[0], made_at) == "smtpd-certificate No such file or directory\n");
  CHECK(seen(read[1], made_at).empty());
}

TEST_CASE("the dates of a certificate decide to the second") {
  const Issued a = server("a.test");
  const auto read = read_chains(std::vector{file("f", a.key_pem() + a.pem())});
  REQUIRE(read.size() == 1);
  const Time end = read[0].chain->front().not_after;
  const auto level = [&](Time now) {
    return server_certificate_checks(read[0], now, commands).front().level;
  };
  CHECK(level(end - min_certificate_validity) == Level::ok);
  CHECK(level(end - min_certificate_validity + std::chrono::seconds(1)) == Level::warning);
  CHECK(level(end - std::chrono::seconds(1)) == Level::warning);
  CHECK(level(end) == Level::fault);
  CHECK(level(read[0].chain->front().not_before) == Level::ok);
  CHECK(level(read[0].chain->front().not_before - std::chrono::seconds(1)) == Level::fault);
}

TEST_CASE("what the user may not read has no result and is no finding") {
  ServerCertificate hidden{.file = missing("/mx.pem", EACCES),
                           .chain = fail(Fault::permission, "/mx.pem: Permission denied"),
                           .key_file = missing("/mx.key", EACCES),
                           .key = fail(Fault::permission, "/mx.key: Permission denied")};
  CHECK(seen(hidden, made_at).empty());
  const Issued a = server("a.test");
  hidden.chain = read_chains(std::vector{file("f", a.key_pem() + a.pem())})[0].chain;
  CHECK(seen(hidden, made_at).empty());
  CHECK(server_certificate_checks(hidden, made_at, commands).back().level == Level::cannot_tell);
}

TEST_CASE("a key that all can read is no secret, unless a directory hides it") {
  const Issued a = server("a.test");
  ServerCertificate open = read_chains(std::vector{file("/ssl/mx.pem", a.key_pem() + a.pem())})[0];
  open.key_file.nodes = {{.path = "/ssl", .mode = S_IFDIR | 0755},
                         {.path = "/ssl/mx.pem", .mode = S_IFREG | 0644}};
  const Checks findings = findings_of(server_certificate_checks(open, made_at, commands));
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].code == "secrets");
  CHECK(findings[0].remedy == "chmod o-rwx /ssl/mx.pem");
  open.key_file.nodes[0].mode = S_IFDIR | 0710;
  CHECK(seen(open, made_at).empty());
}

TEST_CASE("the files of a pair are read, and one file may have both") {
  const TemporaryFolder directory;
  const Issued a = server("a.test");
  const auto both = directory / "both.pem";
  write(both, a.pem() + a.key_pem());
  write(directory / "key.pem", a.key_pem());
  CHECK(shown(read_server_certificates({.chain_files = {}, .file = both, .key_file = {}})) ==
        fmt::format("{0} 1 {0} true\n", both.string()));
  CHECK(
      shown(read_server_certificates({.chain_files = {}, .file = both, .key_file = directory / "key.pem"})) ==
      fmt::format("{} 1 {} true\n", both.string(), (directory / "key.pem").string()));
  const auto gone =
      read_server_certificates({.chain_files = {directory / "gone"}, .file = {}, .key_file = {}});
  REQUIRE(gone.size() == 1);
  CHECK(gone[0].file.error == ENOENT);
}
