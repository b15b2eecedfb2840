#include "minisign/verify.h"

#include <array>

#include "samples.h"
#include "support.h"

using namespace starttls;
using namespace starttls::minisign;
using namespace starttls::test;

namespace {

const std::vector<PublicKey>& only_a() {
  static const std::vector<PublicKey> keys{good(parse_key(key_a))};
  return keys;
}

Result<Verified> verdict(const std::string& content, const std::string& signature,
                         const std::vector<PublicKey>& keys = only_a(), Legacy rule = Legacy::refuse) {
  return verify("list.json", content, good(parse_signature(signature)), keys, rule);
}

}  // namespace

TEST_CASE("a good signature returns its trusted comment") {
  const auto verified = good(verdict(file_content, prehashed));
  CHECK(verified.trusted_comment == "first comment");
  CHECK(to_string(verified.key_id) == id_of_a);
  CHECK(verified.algorithm == Algorithm::prehashed);
}

TEST_CASE("the key is found among several, whatever their order") {
  const auto a = good(parse_key(key_a));
  const auto b = good(parse_key(key_b));
  auto impostor = b;  // another key that claims the id of A
  impostor.id = a.id;
  CHECK(good(verdict(file_content, prehashed, {b, impostor, a})).trusted_comment == "first comment");
}

TEST_CASE("a file that changed by a bit is refused") {
  for (std::size_t bit = 0; bit < file_content.size() * 8; ++bit) {
    std::string changed = file_content;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    CAPTURE(bit);
    CHECK(bad(verdict(changed, prehashed)).fault == Fault::data);
  }
  CHECK(bad(verdict("", prehashed)).message.find("list.json: the signature by key " + id_of_a) == 0);
  CHECK(bad(verdict(file_content + "\n", prehashed)).fault == Fault::data);
}

TEST_CASE("a wrong key is refused, and the known ones are named") {
  const auto error = bad(verdict(file_content, prehashed, {good(parse_key(key_b))}));
  CHECK(error.fault == Fault::data);
  CHECK(error.message ==
        "list.json: signed with key " + id_of_a + ", which is none of the known keys (" + id_of_b + ")");
  CHECK(bad(verdict(file_content, prehashed, {})).message.find("there are none") != std::string::npos);
}

TEST_CASE("a key that only claims the right id is refused") {
  auto impostor = good(parse_key(key_b));
  impostor.id = only_a().front().id;
  CHECK(bad(verdict(file_content, prehashed, {impostor})).fault == Fault::data);
}

TEST_CASE("a key that is no point of the curve is refused") {
  auto broken = only_a().front();
  broken.key.fill(0xff);
  CHECK(bad(verdict(file_content, prehashed, {broken})).fault == Fault::data);
}

TEST_CASE("a swapped trusted comment is refused") {
  const auto error = bad(verdict(file_content, replaced(prehashed, "first comment", "other comment")));
  CHECK(error.fault == Fault::data);
  CHECK(error.message == "list.json: the trusted comment is not the one that was signed by key " + id_of_a);
}

TEST_CASE("a legacy signature is refused unless allowed") {
  CHECK(bad(verdict(file_content, legacy)).message.find("legacy") != std::string::npos);
  const auto verified = good(verdict(file_content, legacy, only_a(), Legacy::allow));
  CHECK(verified.algorithm == Algorithm::legacy);
  CHECK(verified.trusted_comment == "legacy comment");
  CHECK(bad(verdict(file_content + "x", legacy, only_a(), Legacy::allow)).fault == Fault::data);
}

TEST_CASE("a file and its bytes get the same verdict, with the same message") {
  const TemporaryFolder folder;
  const std::string name = folder / "file";
  for (const std::string& content : {file_content, file_content + "x", std::string()}) {
    write(name, content);
    for (const std::string& text :
         {prehashed, legacy, replaced(prehashed, "first comment", "other comment")}) {
      for (const Legacy rule : {Legacy::refuse, Legacy::allow}) {
        for (const std::string& key : {key_a, key_b}) {
          CAPTURE(content, text, key);
          const auto signature = good(parse_signature(text));
          const std::vector<PublicKey> keys{good(parse_key(key))};
          const auto of_bytes = verify(name, content, signature, keys, rule);
          const auto of_file = verify_file(name, signature, keys, rule);
          REQUIRE(of_bytes.has_value() == of_file.has_value());
          if (!of_bytes) CHECK(of_bytes.error().message == of_file.error().message);
        }
      }
    }
  }
}

TEST_CASE("a file is verified like its bytes, also in many pieces") {
  const TemporaryFolder folder;
  write(folder / "fox", file_content);
  const auto signature = good(parse_signature(prehashed));
  CHECK(good(verify_file(folder / "fox", signature, only_a(), Legacy::refuse)).trusted_comment ==
        "first comment");
  CHECK(good(verify_file(folder / "fox", good(parse_signature(legacy)), only_a(), Legacy::allow))
            .trusted_comment == "legacy comment");
  write(folder / "big", file_content + std::string(3U << 20U, 'x'));
  CHECK(bad(verify_file(folder / "big", signature, only_a(), Legacy::refuse)).fault == Fault::data);
  CHECK(bad(verify_file(folder / "none", good(parse_signature(legacy)), only_a(), Legacy::allow)).fault ==
        Fault::io);
  CHECK(bad(verify_file(folder / "none", signature, only_a(), Legacy::refuse)).fault == Fault::io);
  CHECK(bad(verify_file(folder.path(), signature, only_a(), Legacy::refuse)).fault == Fault::io);
}

TEST_CASE("the hash of a file gets the same verdict as the file, unless its signature is legacy") {
  const Hash hash = good(verdict(file_content, prehashed)).content;
  const Verified verified = good(verify_hash("list.json", hash, good(parse_signature(prehashed)), only_a()));
  CHECK(to_string(verified.key_id) == id_of_a);
  CHECK(verified.trusted_comment == "first comment");
  CHECK(verified.content == hash);
  const Error other = bad(
      verify_hash("list.json", good(blake2b("another file")), good(parse_signature(prehashed)), only_a()));
  CHECK(other.message.starts_with("list.json: the signature by key " + id_of_a + " does not fit"));
  CHECK(bad(verify_hash("list.json", hash, good(parse_signature(prehashed)), {})).fault == Fault::data);
  CHECK(bad(verify_hash("list.json", hash, good(parse_signature(legacy)), only_a())).message.find("legacy") !=
        std::string::npos);
}
