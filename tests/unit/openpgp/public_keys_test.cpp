#include "openpgp/public_keys.h"

#include "support.h"

using namespace starttls;
using namespace starttls::openpgp;
using namespace starttls::test;

namespace {

// The body of a key of version 4 whose first number has this many bits.
std::string key_body(int algorithm, unsigned bits) {
  std::string body{'\x04',
                   0,
                   0,
                   0,
                   0,
                   static_cast<char>(algorithm),
                   static_cast<char>(bits >> 8U),
                   static_cast<char>(bits & 0xFFU)};
  return body.append((bits + 7) / 8, '\x55');
}

// In the legacy format with a length of two octets, as gpg writes keys.
std::string packet(unsigned type, const std::string& body) {
  return std::string{static_cast<char>(0x81U | type << 2U), static_cast<char>(body.size() >> 8U),
                     static_cast<char>(body.size() & 0xFFU)} +
         body;
}

Result<void> judged(int algorithm, const std::string& signer, const std::vector<PublicKey>& keys) {
  return strong_enough({.fingerprint = signer, .signer = signer, .algorithm = algorithm, .created = {}},
                       keys);
}

}  // namespace

TEST_CASE("keys and subkeys are found among other packets, in either format of packets") {
  const std::string rsa = key_body(1, 2048);
  const std::string modern = std::string("\xC6\xC0\x48") + rsa;  // 192 + 72 octets
  REQUIRE(rsa.size() == 264);
  const auto keys = good(public_keys(packet(6, key_body(22, 263)) + packet(13, "a user") +
                                     packet(2, "signature") + packet(14, key_body(1, 1024)) + modern));
  REQUIRE(keys.size() == 3);
  CHECK((keys[0].algorithm == 22 && keys[0].bits == 0));
  CHECK((keys[1].algorithm == 1 && keys[1].bits == 1024));
  CHECK((keys[2].algorithm == 1 && keys[2].bits == 2048));
  CHECK(keys[2].fingerprint.size() == 40);
  CHECK(good(public_keys(packet(6, rsa))).front().fingerprint == keys[2].fingerprint);
}

TEST_CASE("a file that is no keyring is refused") {
  const std::string key = packet(6, key_body(1, 2048));
  for (const std::string& bytes :
       {std::string(), std::string("text"), std::string("\x98"), key + "\x98", key.substr(0, key.size() - 1),
        key + "x", packet(13, "a user"), packet(6, ""), packet(6, "\x03" + key.substr(4)), packet(6, "\x04"),
        std::string("\x9B") + key.substr(1), std::string("\xC6\xE0") + key}) {
    CHECK(bad(public_keys(bytes)).fault == Fault::data);
  }
}

TEST_CASE("short RSA keys and DSA are refused") {
  const std::string a(40, 'A');
  const std::vector<PublicKey> keys{{.fingerprint = a, .algorithm = 1, .bits = 2048},
                                    {.fingerprint = std::string(40, 'B'), .algorithm = 1, .bits = 2047},
                                    {.fingerprint = std::string(40, 'C'), .algorithm = 22}};
  CHECK(judged(1, a, keys).has_value());
  CHECK(judged(3, a, keys).has_value());
  CHECK(judged(22, std::string(40, 'C'), keys).has_value());
  CHECK(bad(judged(1, std::string(40, 'B'), keys)).message.find("of 2047 bits: fewer than 2048") !=
        std::string::npos);
  CHECK(bad(judged(1, std::string(40, 'D'), keys)).fault == Fault::data);
  CHECK(bad(judged(17, a, keys)).message.find("DSA is refused") != std::string::npos);
}
