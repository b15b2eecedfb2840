#include "minisign/key.h"

#include <openssl/evp.h>

#include <array>

#include "samples.h"
#include "support.h"

using namespace starttls;
using namespace starttls::minisign;
using namespace starttls::test;

namespace {

// The text of a key whose point is given in 64 hexadecimal digits, without the sign bit.
std::string key_with(const std::string& point, bool negative) {
  std::array<unsigned char, 42> bytes{'E', 'd'};
  for (std::size_t i = 0; i < 32; ++i) {
    bytes[10 + i] = static_cast<unsigned char>(std::stoi(point.substr(2 * i, 2), nullptr, 16));
  }
  if (negative) bytes.back() |= 0x80;
  std::array<unsigned char, 57> text{};
  ::EVP_EncodeBlock(text.data(), bytes.data(), bytes.size());
  return {text.begin(), text.end() - 1};
}

}  // namespace

TEST_CASE("a public key is read from its text and has the id that minisign shows") {
  CHECK(to_string(good(parse_key(key_a)).id) == id_of_a);
  CHECK(to_string(good(parse_key(key_b)).id) == id_of_b);
  CHECK(good(parse_key(key_a)).key != good(parse_key(key_b)).key);
}

TEST_CASE("a key file is a comment and a key, or a key alone") {
  for (const std::string& content : {"untrusted comment: minisign public key X\n" + key_a + "\n",
                                     "untrusted comment: minisign public key X\r\n" + key_a + "\r\n",
                                     "untrusted comment:\n" + key_a, key_a, key_a + "\n"}) {
    CAPTURE(content);
    CHECK(to_string(good(parse_key_file(content)).id) == id_of_a);
  }
}

TEST_CASE("a text that is no public key is refused") {
  for (const std::string& text :
       {std::string(), key_a.substr(1), key_a + "A", key_a.substr(0, 55) + "=", " " + key_a.substr(1),
        key_a.substr(0, 55) + "\n", replaced(key_a, "RWT", "RWQ").replace(0, 2, "RU"), std::string(56, '*'),
        std::string(56, '\0'), std::string(100000, 'A')}) {
    CAPTURE(text.substr(0, 60));
    CHECK(bad(parse_key(text)).fault == Fault::data);
  }
}

TEST_CASE("a key whose point has a small order is refused, in every spelling") {
  const std::string eight_a = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
  const std::string eight_b = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
  const std::string high = std::string(60, 'f') + "7f";
  for (const std::string& point : {std::string(64, '0'), "01" + std::string(62, '0'), eight_a, eight_b,
                                   "ec" + high, "ed" + high, "ee" + high}) {
    for (const bool negative : {false, true}) {
      CAPTURE(point, negative);
      CHECK(bad(parse_key(key_with(point, negative))).message.find("small order") != std::string::npos);
    }
  }
  CHECK(parse_key(key_with("02" + std::string(62, '0'), false)));
  CHECK(parse_key(key_with("eb" + high, true)));
}

TEST_CASE("a file that is no key file is refused") {
  for (const std::string& content :
       {std::string(), std::string("\n"), std::string("untrusted comment: alone\n"),
        key_a + "\n" + key_b + "\n", key_a + "\n\n", "comment\n" + key_a + "\n",
        "untrusted comment: " + std::string(2000, 'x') + "\n" + key_a + "\n", prehashed}) {
    CAPTURE(content.substr(0, 60));
    CHECK(bad(parse_key_file(content)).fault == Fault::data);
  }
}
