// With real keys and signatures of gpg, in a GNUPGHOME for the test.
#include "openpgp/verify.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdlib>

#include "base/file.h"
#include "base/subprocess.h"
#include "support.h"

using namespace starttls;
using namespace starttls::openpgp;
using namespace starttls::test;
namespace fs = std::filesystem;

namespace {

// gpg with its own home; its agent stops with it.
class Gnupg {
 public:
  Gnupg() { fs::permissions(home_.path(), fs::perms(0700)); }
  Gnupg(const Gnupg&) = delete;
  Gnupg& operator=(const Gnupg&) = delete;
  ~Gnupg() {
    const UniqueFd agent = open_agent();
    (void)run_program({.argv = {"gpgconf", "--kill", "gpg-agent"}, .environment = environment()});
    // It removes its sockets as it stops; only then can the directory be removed.
    pollfd end{.fd = agent.get(), .events = POLLIN, .revents = 0};
    if (agent) (void)::poll(&end, 1, 10'000);
  }

  std::string run(std::vector<std::string> arguments) const {
    std::vector<std::string> argv{"gpg",          "--batch", "--quiet",         "--yes",
                                  "--passphrase", "",        "--pinentry-mode", "loopback"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    const auto done = good(run_program({.argv = argv, .environment = environment()}));
    if (!done.succeeded()) FAIL("gpg " << to_string(done) << ": " << done.err);
    return done.out;
  }

  void make_key(const std::string& name, std::vector<std::string> options = {}) const {
    options.insert(options.end(), {"--quick-gen-key", name, "ed25519", "sign", "never"});
    run(options);
  }

  std::string fingerprint(const std::string& name) const {
    const std::string listing = run({"--with-colons", "--list-keys", name});
    const auto at = listing.find("\nfpr:::::::::");
    REQUIRE(at != std::string::npos);
    return listing.substr(at + 13, 40);
  }

  fs::path home() const { return home_.path(); }

 private:
  std::vector<std::string> environment() const {
    return {"GNUPGHOME=" + home_.path().string(), "LC_ALL=C", "PATH=/usr/bin:/bin"};
  }

  // A descriptor that becomes readable when the agent has stopped; none if there is no agent.
  UniqueFd open_agent() const {
    const auto answer = run_program({.argv = {"gpg-connect-agent", "--no-autostart", "GETINFO pid", "/bye"},
                                     .environment = environment()});
    if (!answer || !answer->out.starts_with("D ")) return {};
    return UniqueFd(static_cast<int>(::syscall(SYS_pidfd_open, std::atoi(answer->out.c_str() + 2), 0)));
  }

  TemporaryFolder home_;
};

// One signer with one file, which the tests share because keys take a while to make.
struct Signer {
  TemporaryFolder folder;
  TemporaryFolder scratch;
  Gnupg gnupg;
  fs::path file = folder / "-list.json";
  fs::path signature = folder / "list.json.asc";
  fs::path key = folder / "key";

  Signer() {
    write(file, "{\"version\": \"0.1\"}\n");
    gnupg.make_key("signer@a.test");
    write(key, gnupg.run({"--export", "signer@a.test"}));
    sign({"--armor"});
  }

  void sign(std::vector<std::string> options) const {
    options.insert(options.end(), {"-o", signature, "--detach-sign", "--", file});
    gnupg.run(options);
  }

  Result<Verified> verdict() const {
    auto verified = verify_file(file, signature, key, scratch.path());
    CHECK(fs::is_empty(scratch.path()));  // nothing remains, whatever the result
    return verified;
  }

  std::string refusal() const {
    const Error error = bad(verdict());
    CHECK(error.fault == Fault::data);
    return error.message;
  }
};

}  // namespace

TEST_CASE("a signature of gpg is verified, armoured or not, with an armoured key or a binary one") {
  const Signer signer;
  for (const bool armoured_key : {false, true}) {
    write(signer.key, signer.gnupg.run(armoured_key ? std::vector<std::string>{"--armor", "--export"}
                                                    : std::vector<std::string>{"--export"}));
    for (const std::vector<std::string>& options : {std::vector<std::string>{"--armor"}, {"--no-armor"}}) {
      signer.sign(options);
      const auto verified = good(signer.verdict());
      CHECK(verified.fingerprint == signer.gnupg.fingerprint("signer@a.test"));
      const auto age = system_clock()() - verified.created;
      CHECK((age > -std::chrono::minutes(1) && age < std::chrono::minutes(10)));
    }
  }
}

TEST_CASE("a file that differs from the signed one is refused") {
  const Signer signer;
  write(signer.file, read(signer.file) + "\n");
  CHECK(signer.refusal().ends_with("does not fit: the file is not what was signed"));
  CHECK(signer.refusal().starts_with(signer.file.string() + ": the signature by key "));
}

TEST_CASE("a signature by another key is refused, and so is one of two") {
  const Signer signer;
  signer.gnupg.make_key("other@a.test");
  const std::string known = read(signer.signature);
  signer.sign({"--armor", "-u", "other@a.test"});
  CHECK(signer.refusal().ends_with("which is not the known one"));
  signer.sign({"-u", "other@a.test", "-u", "signer@a.test"});
  CHECK(signer.refusal().ends_with("which is not the known one"));
  write(signer.key, signer.gnupg.run({"--export"}));
  CHECK(signer.refusal().ends_with("more than one signature where one is expected"));
}

TEST_CASE("a signature by a key that has expired is refused, though gpgv's status is 0") {
  const Signer signer;
  const std::string then = "--faked-system-time=20200101T000000";
  signer.gnupg.run({then, "--quick-gen-key", "old@a.test", "ed25519", "sign", "10d"});
  write(signer.key, signer.gnupg.run({"--export", "old@a.test"}));
  signer.sign({then, "-u", "old@a.test"});
  CHECK(signer.refusal().ends_with("which has expired"));
}

TEST_CASE("a signature that has expired is refused") {
  const Signer signer;
  const std::string then = "--faked-system-time=20200101T000000";
  signer.gnupg.make_key("early@a.test", {then});
  write(signer.key, signer.gnupg.run({"--export", "early@a.test"}));
  signer.sign({then, "--default-sig-expire", "1d", "-u", "early@a.test"});
  CHECK(signer.refusal().find("the signature by key ") != std::string::npos);
  CHECK(signer.refusal().ends_with("has expired"));
}

TEST_CASE("a signature by a key that has been revoked is refused") {
  const Signer signer;
  const fs::path prepared =
      signer.gnupg.home() / "openpgp-revocs.d" / (signer.gnupg.fingerprint("signer@a.test") + ".rev");
  std::string certificate = read(prepared);
  const auto colon = certificate.find("\n:-----BEGIN");
  REQUIRE(colon != std::string::npos);
  write(prepared, certificate.erase(colon + 1, 1));
  signer.gnupg.run({"--import", prepared});
  write(signer.key, signer.gnupg.run({"--export"}));
  CHECK(signer.refusal().ends_with("which has been revoked"));
}

TEST_CASE("a file that is no detached signature over the bytes is refused") {
  const Signer signer;
  signer.sign({"--textmode"});
  CHECK(signer.refusal().find("not one over the bytes of a file") != std::string::npos);
  for (const char* kind : {"--sign", "--clear-sign", "--store"}) {
    CAPTURE(kind);
    signer.gnupg.run({"-o", signer.signature, kind, "--", signer.file});
    CHECK_FALSE(signer.refusal().empty());
  }
  for (const std::string& content :
       {std::string(), std::string("\n"), std::string("<html>"), std::string(3, '\xff')}) {
    write(signer.signature, content);
    CHECK_FALSE(signer.refusal().empty());
  }
  write(signer.signature, std::string(signature_size_limit + 1, 'x'));
  CHECK(signer.refusal().find("larger than the limit") != std::string::npos);
}

TEST_CASE("a signature with a weak digest is refused") {
  const Signer signer;
  signer.gnupg.run({"--quick-gen-key", "rsa@a.test", "rsa2048", "sign", "never"});
  write(signer.key, signer.gnupg.run({"--export", "rsa@a.test"}));
  for (const char* digest : {"MD5", "SHA1", "RIPEMD160"}) {
    CAPTURE(digest);
    signer.sign({"-u", "rsa@a.test", "--digest-algo", digest, "--allow-weak-digest-algos"});
    CHECK(signer.refusal().ends_with("uses a digest that is refused as too weak"));
  }
  signer.sign({"-u", "rsa@a.test", "--digest-algo", "SHA256"});
  good(signer.verdict());
}

TEST_CASE("a key that is certified with SHA-1 only is refused, and the message has the reason") {
  const Signer signer;
  signer.gnupg.run(
      {"--cert-digest-algo", "SHA1", "--quick-gen-key", "old@a.test", "rsa2048", "sign", "never"});
  write(signer.key, signer.gnupg.run({"--export", "old@a.test"}));
  signer.sign({"-u", "old@a.test"});
  CHECK(signer.refusal().ends_with("uses a digest that is refused as too weak, such as SHA-1"));
}

TEST_CASE("a short RSA key and a DSA key are refused") {
  const Signer signer;
  for (const auto& [kind, reason] :
       {std::pair{"rsa1024", "of 1024 bits: fewer than 2048 are refused"}, {"dsa2048", "DSA is refused"}}) {
    CAPTURE(kind);
    const std::string name = std::string(kind) + "@a.test";
    signer.gnupg.run({"--quick-gen-key", name, kind, "sign", "never"});
    write(signer.key, signer.gnupg.run({"--export", name}));
    signer.sign({"-u", name, "--digest-algo", "SHA256"});
    CHECK(signer.refusal().ends_with(reason));
  }
}

TEST_CASE("a signature that cannot be checked gets no verdict") {
  const Signer signer;
  write(signer.file, "something else\n");  // so that the true verdict would be a bad one
  const auto fault = [&](const std::string& script) {
    const TemporaryFolder folder;
    write(folder / "gpgv", "#!/bin/sh\n" + script + "\n");
    fs::permissions(folder / "gpgv", fs::perms(0755));
    return bad(verify_file(signer.file, signer.signature, signer.key, signer.scratch.path(),
                           (folder / "gpgv").string()))
        .fault;
  };
  CHECK(fault("exit 2") == Fault::unavailable);
  CHECK(fault("exit 0") == Fault::unavailable);
  CHECK(fault("echo '[GNUPG:] GOODSIG 21E6505569A8C861 A'") == Fault::unavailable);
  CHECK(fault("kill -KILL $$") == Fault::temporary);
  CHECK(fault("yes") == Fault::unavailable);
  CHECK(fault("mv \"$4\" \"$4.not\"; exec gpgv \"$@\"") == Fault::unavailable);
  CHECK(fault("exec gpgv \"$@\"") == Fault::data);
}

TEST_CASE("files that cannot be read or are no key are reported by name") {
  Signer signer;
  const auto told = [&](const fs::path& file, const fs::path& signature, const fs::path& key) {
    return bad(verify_file(file, signature, key, signer.scratch.path()));
  };
  const fs::path none = signer.folder / "none";
  for (const Error& error : {told(none, signer.signature, signer.key), told(signer.file, none, signer.key),
                             told(signer.file, signer.signature, none)}) {
    CHECK(error.fault == Fault::io);
    CHECK(error.message == none.string() + ": No such file or directory");
  }
  const Error no_key = told(signer.file, signer.signature, signer.file);
  CHECK(no_key.fault == Fault::config);
  CHECK(no_key.message.find("no OpenPGP public key") != std::string::npos);
  CHECK(bad(verify_file(signer.file, signer.signature, signer.key, none)).fault == Fault::cannot_create);
  write(signer.key, "\x98");
  CHECK(bad(signer.verdict()).fault == Fault::config);
}

TEST_CASE("a relative name that looks like an option is a file") {
  const Signer signer;
  const fs::path before = fs::current_path();
  fs::current_path(signer.folder.path());
  CHECK(verify_file("-list.json", "list.json.asc", "key", signer.scratch.path()).has_value());
  fs::current_path(before);
}

TEST_CASE("without gpgv nothing is verified, and the reason is reported") {
  const Signer signer;
  // The system's directories contain gpgv whatever PATH is, so the test is valid only if that is a stand-in
  // that fails.
  const TemporaryFolder stand_in;
  write(stand_in / "gpgv", "#!/no/such/interpreter\n");
  fs::permissions(stand_in / "gpgv", fs::perms(0755));
  const std::string before = ::getenv("PATH");
  ::setenv("PATH", stand_in.path().c_str(), 1);
  const auto verified = signer.verdict();
  ::setenv("PATH", before.c_str(), 1);
  CHECK(bad(verified).fault == Fault::unavailable);
  CHECK(bad(verified).message.starts_with("OpenPGP signatures need the program gpgv (package gpgv): "));
}
