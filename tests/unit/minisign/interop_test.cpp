// Against the minisign program itself: we verify its signatures, and damaged files and signatures get its
// verdict.

#include "minisign/verify.h"
#include "program.h"
#include "samples.h"
#include "support.h"

using namespace starttls;
using namespace starttls::minisign;
using namespace starttls::test;

namespace {

// A key pair for the test, made by minisign.
struct Signer {
  TemporaryFolder folder;
  std::filesystem::path public_key = folder / "key.pub";

  Signer() {
    if (run({"minisign", "-G", "-W", "-p", public_key, "-s", folder / "key"}) != 0) FAIL("minisign -G");
  }

  std::filesystem::path sign(const std::string& content, const std::string& comment, bool as_legacy) const {
    write(folder / "file", content);
    std::vector<std::string> command{"minisign",      "-S", "-s",    folder / "key", "-m",
                                     folder / "file", "-t", comment, "-x",           folder / "file.minisig"};
    if (as_legacy) command.emplace_back("-l");
    if (run(command) != 0) FAIL("minisign -S");
    return folder / "file.minisig";
  }

  bool minisign_accepts() const {
    return run({"minisign", "-V", "-q", "-p", public_key, "-m", folder / "file", "-x",
                folder / "file.minisig"}) == 0;
  }

  Result<Verified> our_verdict() const {
    const std::vector<PublicKey> keys{good(parse_key_file(read(public_key)))};
    const auto signature = parse_signature(read(folder / "file.minisig"));
    if (!signature) return std::unexpected(signature.error());
    return verify_file(folder / "file", *signature, keys, Legacy::allow);
  }
};

}  // namespace

TEST_CASE("a signature of minisign is verified, prehashed and legacy") {
  const Signer signer;
  for (const std::string& content :
       {std::string(), std::string("x"), std::string("a\0b\r\n", 5), std::string(300000, 'z')}) {
    for (const bool as_legacy : {false, true}) {
      CAPTURE(content.size(), as_legacy);
      signer.sign(content, "timestamp:1\tfile:x \xc3\xa9", as_legacy);
      const auto verified = good(signer.our_verdict());
      CHECK(verified.trusted_comment == "timestamp:1\tfile:x \xc3\xa9");
      CHECK((verified.algorithm == Algorithm::legacy) == as_legacy);
      CHECK(signer.minisign_accepts());
    }
  }
}

TEST_CASE("a damaged signature or file gets the same verdict as from minisign") {
  const Signer signer;
  for (const bool as_legacy : {false, true}) {
    signer.sign("The list.\n", "comment", as_legacy);
    const std::string sound = read(signer.folder / "file.minisig");
    int refused = 0;
    for (std::size_t at = 0; at < sound.size(); at += 3) {
      std::string damaged = sound;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x01);
      write(signer.folder / "file.minisig", damaged);
      CAPTURE(as_legacy, at, damaged);
      CHECK(signer.our_verdict().has_value() == signer.minisign_accepts());
      if (!signer.our_verdict()) ++refused;
    }
    CHECK(refused > 50);
    write(signer.folder / "file.minisig", sound);
    CHECK(signer.our_verdict().has_value());
    for (const char* content : {"The list", "The lisT.\n", "", "The list.\n\n"}) {
      write(signer.folder / "file", content);
      CHECK_FALSE(signer.minisign_accepts());
      CHECK_FALSE(signer.our_verdict().has_value());
    }
  }
}

TEST_CASE("text after the fourth line is refused, which minisign does not check") {
  const Signer signer;
  const auto path = signer.sign("x", "comment", false);
  write(path, read(path) + "unsigned text\n");
  CHECK(signer.minisign_accepts());
  CHECK_FALSE(signer.our_verdict().has_value());
}
