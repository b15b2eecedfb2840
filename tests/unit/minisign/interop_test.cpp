// Against the minisign program itself: we verify its signatures, and damaged files and signatures get its
// verdict.

#include "minisign/signer.h"
#include "minisign/verify.h"
#include "program.h"
#include "support.h"

using namespace starttls;
using namespace starttls::minisign;
using namespace starttls::test;

namespace {

// A file that minisign has signed.
struct SignedFile {
  TemporaryFolder folder;
  std::filesystem::path file = folder / "file";
  std::filesystem::path signature = folder / "file.minisig";
  Signer signer;

  void sign(const std::string& content, const std::string& comment, bool as_legacy) const {
    write(file, content);
    std::vector<std::string> options{"-t", comment};
    if (as_legacy) options.emplace_back("-l");
    (void)signer.sign_file(file, options);
  }

  bool minisign_accepts() const {
    return run({"minisign", "-V", "-q", "-P", to_base64(signer.key()), "-m", file, "-x", signature}) == 0;
  }

  Result<Verified> our_verdict() const {
    const std::vector<PublicKey> keys{signer.key()};
    const auto parsed = parse_signature(read(signature));
    if (!parsed) return std::unexpected(parsed.error());
    return verify_file(file, *parsed, keys, Legacy::allow);
  }
};

}  // namespace

TEST_CASE("a signature of minisign is verified, prehashed and legacy") {
  const SignedFile signed_file;
  for (const std::string& content :
       {std::string(), std::string("x"), std::string("a\0b\r\n", 5), std::string(300000, 'z')}) {
    for (const bool as_legacy : {false, true}) {
      CAPTURE(content.size(), as_legacy);
      signed_file.sign(content, "timestamp:1\tfile:x \xc3\xa9", as_legacy);
      const auto verified = good(signed_file.our_verdict());
      CHECK(verified.trusted_comment == "timestamp:1\tfile:x \xc3\xa9");
      CHECK((verified.algorithm == Algorithm::legacy) == as_legacy);
      CHECK(signed_file.minisign_accepts());
    }
  }
}

TEST_CASE("a damaged signature or file gets the same verdict as from minisign") {
  const SignedFile signed_file;
  for (const bool as_legacy : {false, true}) {
    signed_file.sign("The list.\n", "comment", as_legacy);
    const std::string sound = read(signed_file.signature);
    int refused = 0;
    for (std::size_t at = 0; at < sound.size(); at += 3) {
      std::string damaged = sound;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x01);
      write(signed_file.signature, damaged);
      CAPTURE(as_legacy, at, damaged);
      CHECK(signed_file.our_verdict().has_value() == signed_file.minisign_accepts());
      if (!signed_file.our_verdict()) ++refused;
    }
    CHECK(refused > 50);
    write(signed_file.signature, sound);
    CHECK(signed_file.our_verdict().has_value());
    for (const char* content : {"The list", "The lisT.\n", "", "The list.\n\n"}) {
      write(signed_file.file, content);
      CHECK_FALSE(signed_file.minisign_accepts());
      CHECK_FALSE(signed_file.our_verdict().has_value());
    }
  }
}

TEST_CASE("text after the fourth line is refused, which minisign does not check") {
  const SignedFile signed_file;
  signed_file.sign("x", "comment", false);
  write(signed_file.signature, read(signed_file.signature) + "unsigned text\n");
  CHECK(signed_file.minisign_accepts());
  CHECK_FALSE(signed_file.our_verdict().has_value());
}
