// With real signatures of minisign over files of several pieces.
#include "minisign/verified_file.h"

#include <algorithm>

#include "signer.h"
#include "support.h"

using namespace starttls;
using namespace starttls::minisign;
using namespace starttls::test;
namespace fs = std::filesystem;

namespace {

constexpr std::size_t limit = std::size_t{64} << 20U;

// A file that is signed.
struct Scene {
  Signer signer;
  TemporaryFolder folder;
  fs::path file = folder / "list.json";
  std::vector<PublicKey> keys{signer.key()};

  void sign(const std::string& content, const std::vector<std::string>& options = {}) const {
    write(file, content);
    signer.sign_file(file, options);
  }

  Result<VerifiedFile> open(const fs::path& path, std::size_t most = limit,
                            Legacy legacy = Legacy::refuse) const {
    return VerifiedFile::open(path, "the list", good(parse_signature(read(file.string() + ".minisig"))), keys,
                              legacy, most, FileKind::any);
  }
};

// The returned bytes, to the end or to the first error.
std::pair<std::string, std::optional<Error>> given_out(VerifiedFile& file) {
  std::string content;
  std::string piece(VerifiedFile::piece_size, '\0');
  for (;;) {
    const auto size = file.read(piece);
    if (!size) return {content, size.error()};
    if (*size == 0) return {content, std::nullopt};
    content.append(piece, 0, *size);
  }
}

std::string pieces(std::size_t count, std::size_t more = 0) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text.append(VerifiedFile::piece_size, static_cast<char>('a' + i));
  return text.append(more, 'z');
}

}  // namespace

TEST_CASE("a verified file returns what was verified, whatever its size") {
  const Scene scene;
  for (const std::string& content :
       {std::string(), std::string("x"), pieces(1), pieces(1, 1), pieces(3), pieces(3, 1000)}) {
    scene.sign(content);
    auto file = good(scene.open(scene.file));
    CHECK(file.verified().content == good(blake2b(content)));
    const auto [given, error] = given_out(file);
    CHECK(given == content);
    CHECK_FALSE(error);
  }
}

TEST_CASE("a file with a legacy signature is returned, too, if that is allowed") {
  const Scene scene;
  scene.sign(pieces(1, 5), {"-l"});
  CHECK_FALSE(scene.open(scene.file));
  auto file = good(scene.open(scene.file, limit, Legacy::allow));
  CHECK(given_out(file).first == pieces(1, 5));
  CHECK(file.verified().content == good(blake2b(pieces(1, 5))));
}

TEST_CASE("of a file that differs from the signed one nothing is returned") {
  const Scene scene;
  scene.sign(pieces(2));
  write(scene.file, pieces(2, 1));
  CHECK(bad(scene.open(scene.file)).message.find("does not fit") != std::string::npos);
  write(scene.file, pieces(1));
  CHECK(bad(scene.open(scene.file)).fault == Fault::data);
  CHECK(bad(scene.open(scene.folder / "none")).fault == Fault::io);
}

TEST_CASE("a file that changes after it was verified is returned only as far as it is still the same") {
  const Scene scene;
  const std::string content = pieces(3, 10);
  struct Change {
    std::string now;
    std::size_t given;  // pieces
  };
  std::string swapped = content;
  std::swap_ranges(swapped.begin(), swapped.begin() + VerifiedFile::piece_size,
                   swapped.begin() + VerifiedFile::piece_size);
  std::string last = content;
  last.back() = 'y';
  for (const Change& change :
       {Change{swapped, 0}, Change{last, 3}, Change{pieces(3, 9), 3}, Change{pieces(2), 2}, Change{"", 0},
        Change{std::string(content.size(), 'x'), 0}}) {
    scene.sign(content);
    auto file = good(scene.open(scene.file));
    write(scene.file, change.now);
    const auto [given, error] = given_out(file);
    CHECK(given == content.substr(0, change.given * VerifiedFile::piece_size));
    REQUIRE(error);
    CHECK(error->fault == Fault::data);
    CHECK(error->message ==
          scene.file.string() + ": changed while it was read, after its signature was checked");
  }
}

TEST_CASE("bytes that are added to a file after it was verified are not returned") {
  const Scene scene;
  for (const std::string& content : {pieces(2), pieces(1, 7)}) {
    scene.sign(content);
    auto file = good(scene.open(scene.file));
    write(scene.file, content + "more");
    const auto [given, error] = given_out(file);
    CHECK(given == content);
    CHECK_FALSE(error);
  }
}

TEST_CASE("a file over the limit is refused") {
  const Scene scene;
  scene.sign(pieces(1, 1));
  CHECK(scene.open(scene.file, VerifiedFile::piece_size + 1).has_value());
  CHECK(bad(scene.open(scene.file, VerifiedFile::piece_size)).message.find("larger than the limit") !=
        std::string::npos);
}

TEST_CASE("BLAKE2b of abc is the value in RFC 7693, in pieces and at once") {
  const std::string abc =
      "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38a"
      "a8"
      "dbf1925ab92386edd4009923";
  CHECK(to_hex(good(blake2b("abc"))) == abc);
  Blake2b hash;
  hash.add("ab");
  CHECK(good(hash.so_far()) == good(blake2b("ab")));
  hash.add("c");
  CHECK(to_hex(good(hash.so_far())) == abc);
  const TemporaryFolder folder;
  write(folder / "abc", "abc");
  CHECK(to_hex(good(blake2b_of_file(folder / "abc"))) == abc);
  CHECK(bad(blake2b_of_file(folder / "none")).fault == Fault::io);
}

TEST_CASE("a hash is read from 128 small hexadecimal digits, and from nothing else") {
  const Hash hash = good(blake2b("abc"));
  const std::string text = to_hex(hash);
  CHECK(parse_hash(text) == hash);
  for (const std::string& other :
       {std::string(), text.substr(1), text + "0", text.substr(2), text.substr(1) + "g", text.substr(1) + "A",
        " " + text.substr(1), text.substr(1) + '\0'}) {
    CAPTURE(other);
    CHECK(!parse_hash(other));
  }
}
