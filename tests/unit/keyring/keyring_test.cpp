// With real keys and signatures of minisign.

#include "keyring/keyring.h"

#include <array>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "../minisign/signer.h"
#include "support.h"

using namespace starttls;
using namespace starttls::keyring;
using namespace starttls::test;

namespace {

using std::chrono::days;
using std::chrono::hours;

const Time now = at("2026-11-29T03:00:00Z");

// Root keys 0 to 3, and online keys 4 and 5.
const std::vector<Signer>& signers() {
  static const std::vector<Signer> all(6);
  return all;
}

std::vector<minisign::PublicKey> keys(std::initializer_list<std::size_t> numbers) {
  std::vector<minisign::PublicKey> all;
  for (const std::size_t number : numbers) all.push_back(signers().at(number).key());
  return all;
}

// Version 1: two of the root keys 0, 1, 2, and the online key 4.
Keyring first() {
  return {.list = "sector",
          .created = now,
          .expires = now + days(365),
          .root = {.threshold = 2, .keys = keys({0, 1, 2})},
          .signing = {{.key = signers()[4].key(), .from = now, .until = now + days(60)}}};
}

Keyring second() {
  Keyring keyring = first();
  keyring.version = 2;
  return keyring;
}

struct Signed {
  std::string text;
  std::vector<minisign::Signature> signatures;
};

Signed signed_by(const Keyring& keyring, std::initializer_list<std::size_t> numbers) {
  Signed file{.text = to_json(keyring), .signatures = {}};
  for (const std::size_t number : numbers) file.signatures.push_back(signers().at(number).sign(file.text));
  return file;
}

Result<Keyring> accept_first(const Signed& file, std::size_t threshold = 2,
                             std::initializer_list<std::size_t> roots = {0, 1, 2}) {
  return keyring::accept_first(file.text, file.signatures, "sector",
                               {.threshold = threshold, .keys = keys(roots)});
}

Result<Keyring> accept_next(const Keyring& trusted, const Signed& file) {
  return keyring::accept_next(trusted, file.text, file.signatures);
}

std::string changed(std::string text, std::string_view what, std::string_view with) {
  const auto found = text.find(what);
  REQUIRE(found != std::string::npos);
  return text.replace(found, what.size(), with);
}

}  // namespace

TEST_CASE("keys.json is read as it was written") {
  Keyring keyring = first();
  keyring.version = 7;
  keyring.threshold = 2;
  keyring.signing.push_back({.key = signers()[5].key(), .from = now - days(1), .until = now + hours(1)});
  const Keyring read = good(parse_keyring(to_json(keyring)));
  CHECK(read.list == "sector");
  CHECK(read.version == 7);
  CHECK(read.created == keyring.created);
  CHECK(read.expires == keyring.expires);
  CHECK(read.root.threshold == 2);
  REQUIRE(read.root.keys.size() == 3);
  CHECK(read.root.keys[2].key == signers()[2].key().key);
  CHECK(read.threshold == 2);
  REQUIRE(read.signing.size() == 2);
  CHECK(read.signing[1].key.id == signers()[5].key().id);
  CHECK(read.signing[1].until == now + hours(1));
  CHECK(to_json(read) == to_json(keyring));
}

TEST_CASE("members that are not known are ignored, whatever they have") {
  const std::string text = to_json(first());
  for (const char* more : {R"("note": "x",)", R"("note": {"list": 1, "root": []},)",
                           R"("note": [[1, {"key": null}]],)", R"("note": null, "other": true,)"})
    CHECK(good(parse_keyring(changed(text, "{", std::string("{") + more))).version == 1);
}

TEST_CASE("a member whose name looks like the path of another is not that one") {
  const std::string text = to_json(first());
  for (const char* more : {R"("root.threshold": 1,)", R"("root.keys[]": "x",)", R"("": {"version": 9},)"})
    CHECK(to_json(good(parse_keyring(changed(text, "{", std::string("{") + more)))) == text);
  const std::string without = changed(text, "\"version\"", "\"\": {\"version\": 9}, \"other\"");
  CHECK(bad(parse_keyring(without)).message == "version: is missing");
}

TEST_CASE("what is no keys.json is refused, with the member and the reason") {
  const std::string text = to_json(first());
  const std::string key = minisign::to_base64(signers()[0].key());
  const std::string online = minisign::to_base64(signers()[4].key());
  const std::vector<std::array<std::string, 3>> bad_texts{
      {"\"sector\"", "\"sec tor\"",
       "list: is 'sec tor'; it may have letters, digits, '.', '_' and '-' in it, nothing else"},
      {"\"sector\"", "\".sector\"", "list: is '.sector'; it may not begin with '.' or '-'"},
      {"\"sector\"", "\"\"", "list: is empty"},
      {"\"sector\"", "7", "list: is not a text"},
      {"\"version\": 1", "\"version\": 0", "version: is not a number from 1 to 1000000000"},
      {"\"version\": 1", "\"version\": 1.5", "version: is not a number from 1 to 1000000000"},
      {"\"version\": 1", "\"version\": -1", "version: is not a number from 1 to 1000000000"},
      {"\"version\": 1", "\"version\": \"1\"", "version: is not a number"},
      {"\"version\": 1", "\"version\": 99999999999999999999",
       "version: is not a number from 1 to 1000000000"},
      {"\"version\": 1,", "\"version\": 1, \"version\": 2,", "version: is there twice"},
      {"\"version\": 1,", "", "version: is missing"},
      {"\"threshold\": 2", "\"threshold\": 4", "root.threshold: is 4, but there are only 3 keys"},
      {"\"threshold\": 2", "\"threshold\": 0", "root.threshold: is not a number from 1 to 32"},
      {"\"threshold\": 1", "\"threshold\": 2", "signing.threshold: is 2, but there are only 1 keys"},
      {key, "RWxyz", "root.keys[]: a minisign public key is 56 characters of base64 that begin with RW"},
      {minisign::to_base64(signers()[1].key()), key,
       fmt::format("root.keys: has key {} twice", minisign::to_string(signers()[0].key().id))},
      {"\"until\": \"2027-01-28T03:00:00Z\"", "\"until\": \"2026-11-29T03:00:00Z\"",
       "signing.keys[].until: is not after from"},
      {"\"until\": \"2027-01-28T03:00:00Z\"", "\"untill\": \"2027-01-28T03:00:00Z\"",
       "signing.keys[]: needs a key, from and until"},
      {"\"expires\": \"2027-11-29T03:00:00Z\"", "\"expires\": \"2026-11-29T03:00:00Z\"",
       "expires: is not after created"},
      {"\"root\": {", "\"root\": 1, \"x\": {", "root: is not an object"},
      {"\"keys\": [", "\"keys\": {}, \"x\": [", "root.keys: is not an array"},
      {"\"" + online + "\"", "null", "signing.keys[].key: is not a text"},
  };
  for (const auto& [what, with, message] : bad_texts) {
    CAPTURE(what, with);
    const Error error = bad(parse_keyring(changed(text, what, with)));
    CHECK(error.fault == Fault::data);
    CHECK(error.message == message);
  }
  CHECK(bad(parse_keyring("")).message.starts_with("at byte 0: "));
  CHECK(bad(parse_keyring("[]")).message == "it: is not an object");
  CHECK(bad(parse_keyring("7")).message == "it: is not an object");
  CHECK(bad(parse_keyring(text + "x")).message.starts_with("at byte "));
  CHECK(bad(parse_keyring(text.substr(0, text.size() / 2))).message.starts_with("at byte "));
  CHECK(bad(parse_keyring(R"({"x": )" + std::string(10'000, '['))).message.ends_with("is nested too deep"));
  CHECK(bad(parse_keyring(text + std::string(max_keyring_size, ' '))).message == "larger than 65536 bytes");
}

TEST_CASE("keys are counted before they are kept") {
  std::string many;
  for (int i = 0; i < 40; ++i) {
    minisign::PublicKey key = signers()[0].key();
    key.key[1] = static_cast<unsigned char>(i);
    many += fmt::format("\"{}\", ", minisign::to_base64(key));
  }
  CHECK(bad(parse_keyring(changed(to_json(first()), "\"keys\": [", "\"keys\": [" + many))).message ==
        "root.keys: has more than 32 keys");
}

TEST_CASE("the first version needs as many configured root keys as they say, and its own") {
  CHECK(good(accept_first(signed_by(first(), {0, 1}))).version == 1);
  CHECK(good(accept_first(signed_by(first(), {2, 0, 1}))).version == 1);
  CHECK(bad(accept_first(signed_by(first(), {}))).message ==
        "the configured root keys: signed by 0 of 3 keys, of which 2 must sign");
  CHECK(bad(accept_first(signed_by(first(), {1}))).message ==
        "the configured root keys: signed by 1 of 3 keys, of which 2 must sign");
  // One key twice is one key, and others do not matter.
  CHECK(bad(accept_first(signed_by(first(), {1, 1, 4, 5}))).message ==
        "the configured root keys: signed by 1 of 3 keys, of which 2 must sign");
  const auto same = keyring::accept_first(to_json(first()), signed_by(first(), {1}).signatures, "sector",
                                          {.threshold = 2, .keys = keys({1, 1})});
  CHECK(bad(same).message == "the configured root keys: signed by 1 of 2 keys, of which 2 must sign");
  // Configured are others than it names.
  CHECK(bad(accept_first(signed_by(first(), {0, 3}), 2, {0, 3})).message ==
        "its own root keys: signed by 1 of 3 keys, of which 2 must sign");
  // A consumer may begin with a later version.
  CHECK(good(accept_first(signed_by(second(), {0, 1}))).version == 2);
}

TEST_CASE("what was changed after it was signed is refused") {
  Signed file = signed_by(first(), {0, 1, 2});
  file.text = changed(file.text, "\"version\": 1", "\"version\": 9");
  CHECK(bad(accept_first(file)).message.starts_with("the configured root keys: signed by 0 of 3"));
}

TEST_CASE("keys of another list are refused") {
  Keyring other = first();
  other.list = "country";
  CHECK(bad(accept_first(signed_by(other, {0, 1}))).message == "it is of the list 'country', not 'sector'");
  other.version = 2;
  CHECK(bad(accept_next(first(), signed_by(other, {0, 1}))).message ==
        "it is of the list 'country', not 'sector'");
}

TEST_CASE("the next version is signed by the root keys of both") {
  Keyring next = second();
  next.root = {.threshold = 2, .keys = keys({1, 2, 3})};
  CHECK(good(accept_next(first(), signed_by(next, {1, 2}))).version == 2);
  CHECK(good(accept_next(first(), signed_by(next, {0, 1, 3}))).root.keys.size() == 3);
  CHECK(bad(accept_next(first(), signed_by(next, {1, 3}))).message ==
        "the root keys of version 1: signed by 1 of 3 keys, of which 2 must sign");
  CHECK(bad(accept_next(first(), signed_by(next, {0, 1}))).message ==
        "its own root keys: signed by 1 of 3 keys, of which 2 must sign");
}

TEST_CASE("versions follow one another: none is repeated, skipped or taken back") {
  const Keyring trusted = second();
  for (const std::uint64_t version : {1U, 2U, 4U, 1'000'000'000U}) {
    Keyring next = first();
    next.version = version;
    CHECK(bad(accept_next(trusted, signed_by(next, {0, 1}))).message ==
          fmt::format("it is version {}, where version 3 must follow", version));
  }
}

TEST_CASE("a version is used until it expires, and not long before it was made") {
  CHECK(check_usable(first(), now).has_value());
  CHECK(check_usable(first(), now - hours(23)).has_value());
  CHECK(bad(check_usable(first(), now - hours(25))).message ==
        "it is from the future: of 2026-11-29T03:00:00Z");
  CHECK(check_usable(first(), now + days(365) - hours(1)).has_value());
  CHECK(bad(check_usable(first(), now + days(365))).message == "it expired at 2027-11-29T03:00:00Z");
}

TEST_CASE("an online key signs in its time, and none after it was revoked") {
  const auto ids = [](const Keyring& keyring, Time time) {
    std::string text;
    for (const minisign::PublicKey& key : valid_keys(keyring, time))
      text += minisign::to_string(key.id) + ' ';
    return text;
  };
  const std::string four = minisign::to_string(signers()[4].key().id) + ' ';
  const std::string five = minisign::to_string(signers()[5].key().id) + ' ';
  Keyring keyring = first();
  keyring.signing.push_back({.key = signers()[5].key(), .from = now + days(30), .until = now + days(90)});
  CHECK(ids(keyring, now - hours(1)).empty());
  CHECK(ids(keyring, now) == four);
  CHECK(ids(keyring, now + days(30)) == four + five);
  CHECK(ids(keyring, now + days(60)) == five);
  CHECK(ids(keyring, now + days(90)).empty());
  keyring.signing.erase(keyring.signing.begin());
  CHECK(ids(keyring, now).empty());
}
