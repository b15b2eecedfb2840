#include "openpgp/status.h"

#include "base/text.h"
#include "support.h"

using namespace starttls;
using namespace starttls::openpgp;
using namespace starttls::test;

namespace {

const std::string primary = "3BB1EBAA225DD89B9E3F6FBD21E6505569A8C861";
const std::string subkey = "220E557949BE65E0DEDC1E431099DA604C96C2B7";
const std::string good_line = "[GNUPG:] GOODSIG 1099DA604C96C2B7 A <a@a.test>\n";
const std::string valid_line =
    "[GNUPG:] VALIDSIG " + subkey + " 2026-11-22 1795371862 0 4 0 22 8 00 " + primary + "\n";
const std::string sound =
    "[GNUPG:] NEWSIG\n[GNUPG:] KEY_CONSIDERED " + primary + " 0\n" + good_line + valid_line;

std::string refusal(const std::string& status) {
  CAPTURE(status);
  const Error error = bad(parse_status(status));
  CHECK(error.fault == Fault::data);
  return error.message;
}

// Not a verdict, neither good nor bad.
std::string silence(const std::string& status) {
  CAPTURE(status);
  const Error error = bad(parse_status(status));
  CHECK(error.fault == Fault::unavailable);
  return error.message;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("one good signature is returned with its primary key and its time") {
  const auto verified = good(parse_status(sound));
  CHECK(verified.fingerprint == primary);
  CHECK(verified.signer == subkey);
  CHECK(verified.algorithm == 22);
  CHECK(verified.created == at("2026-11-22T18:24:22Z"));
  CHECK(parse_status(sound.substr(0, sound.size() - 1)).has_value());
  CHECK(parse_status(sound + "[GNUPG:] TRUST_UNDEFINED\nother words\n").has_value());
}

TEST_CASE("an incomplete verdict is none, neither good nor bad") {
  const std::string unclear = "the signature cannot be checked: gpgv does not say whether it is good";
  for (const std::string& status :
       {std::string(), std::string("GOODSIG\nVALIDSIG\n"), good_line, valid_line,
        replaced(sound, "[GNUPG:] GOODSIG", "[GNUPG:]GOODSIG"),
        replaced(sound, "[GNUPG:] GOODSIG", " [GNUPG:] GOODSIG"),
        replaced(sound, "[GNUPG:] GOODSIG", "[GNUPG:]  GOODSIG"), replaced(sound, "GOODSIG", "GOODSIGN"),
        good_line + good_line + valid_line}) {
    CHECK(silence(status) == unclear);
  }
}

TEST_CASE("an error of gpgv is no verdict, whatever follows it") {
  for (const std::string& rest : {sound, std::string("[GNUPG:] NO_PUBKEY 21E6505569A8C861\n"),
                                  std::string("[GNUPG:] BADSIG 21E6505569A8C861 A\n")}) {
    CHECK(silence("[GNUPG:] ERROR add_keyblock_resource 33587281\n" + rest).find("add_keyblock_resource") !=
          std::string::npos);
    CHECK_FALSE(silence(rest + "[GNUPG:] ERROR keydb_search 33554445\n").empty());
  }
}

TEST_CASE("a signature with a weak digest is refused, also if gpgv accepts it") {
  for (const char* digest : {"1", "2", "3", "4", "13", "99"}) {
    CHECK(refusal(replaced(sound, " 8 00 ", " " + std::string(digest) + " 00 "))
              .starts_with("the signature uses a digest that is refused as too weak"));
  }
  for (const char* digest : {"9", "10", "11", "12", "14"}) {
    CHECK(parse_status(replaced(sound, " 8 00 ", " " + std::string(digest) + " 00 ")).has_value());
  }
}

TEST_CASE("a good signature together with another one does not count") {
  CHECK(refusal(sound + sound) == "more than one signature where one is expected");
  for (const char* line :
       {"BADSIG 21E6505569A8C861 A", "EXPSIG 21E6505569A8C861 A", "EXPKEYSIG 21E6505569A8C861 A",
        "REVKEYSIG 21E6505569A8C861 A", "ERRSIG 21E6505569A8C861 22 8 00 1795371862 9 -",
        "NO_PUBKEY 21E6505569A8C861", "NODATA 4", "UNEXPECTED 0", "BADARMOR"}) {
    CAPTURE(line);
    CHECK_FALSE(parse_status(sound + "[GNUPG:] " + line + "\n").has_value());
    CHECK_FALSE(parse_status("[GNUPG:] " + std::string(line) + "\n" + sound).has_value());
  }
}

TEST_CASE("each verdict has its sentence") {
  const auto of = [](const std::string& line) { return refusal("[GNUPG:] " + line + "\n" + valid_line); };
  CHECK(of("BADSIG 21E6 A") == "the signature by key 21E6 does not fit: the file is not what was signed");
  CHECK(of("EXPSIG 21E6 A") == "the signature by key 21E6 has expired");
  CHECK(of("EXPKEYSIG 21E6 A") == "signed with key 21E6, which has expired");
  CHECK(of("REVKEYSIG 21E6 A") == "signed with key 21E6, which has been revoked");
  CHECK(of("ERRSIG 21E6 22 8 00 1795371862 9 -") == "signed with key 21E6, which is not the known one");
  CHECK(of("NO_PUBKEY 21E6") == "signed with key 21E6, which is not the known one");
  CHECK(of("ERRSIG 21E6 22 8 00 1795371862 4 -") ==
        "the signature by key 21E6 is of a kind that gpgv refuses");
  CHECK(of("ERRSIG 21E6 1 2 00 1795371862 5 -") ==
        "the signature by key 21E6 uses a digest that is refused as too weak");
  CHECK(of("ERRSIG 21E6 1 10 00 1795371862 6 -").starts_with("key 21E6 cannot be used: its own signature "));
  CHECK(of("NODATA 1") == "there is no signature in the signature's file");
  CHECK(of("UNEXPECTED 0") == "the signature's file is no detached signature");
  CHECK(of("BADSIG \x1b[31m A").find('\x1b') == std::string::npos);
}

TEST_CASE("a key that gpgv was given and calls missing is one that it refuses") {
  const std::vector<std::string> known{"CDF4EAC9F64AD10B4B6B9AEC21E6505569A8C861",
                                       "00D1F7A53CB4D6B5C9A3E0B1" + std::string(40, '7')};
  const auto of = [&](const std::string& id) {
    return bad(parse_status("[GNUPG:] ERRSIG " + id + " 1 10 00 1795371862 9 -\n", known)).message;
  };
  CHECK(of("21E6505569A8C861").starts_with("key 21E6505569A8C861 cannot be used: its own signature "));
  CHECK(of("00D1F7A53CB4D6B5").starts_with("key 00D1F7A53CB4D6B5 cannot be used: its own signature "));
  CHECK(of("CDF4EAC9F64AD10B") == "signed with key CDF4EAC9F64AD10B, which is not the known one");
  CHECK(of("C861") == "signed with key C861, which is not the known one");
}

TEST_CASE("only signatures over the bytes of a file count") {
  for (const char* signature_class : {"01", "10", "40", "0", "000"}) {
    CHECK(refusal(replaced(sound, " 8 00 ", " 8 " + std::string(signature_class) + " "))
              .starts_with("the signature is not one over the bytes of a file"));
  }
}

TEST_CASE("a VALIDSIG of an unknown form is no verdict") {
  const std::string reason =
      "the signature cannot be checked: gpgv printed a VALIDSIG of another form than expected";
  CHECK(silence(good_line + "[GNUPG:] VALIDSIG\n") == reason);
  for (const char* time :
       {"-1", "", "20261122T182422", "1795371862x", "99999999999999999999", "253402300800"}) {
    CHECK(silence(replaced(sound, "1795371862", time)) == reason);
  }
  for (const std::string& fingerprint :
       {primary.substr(1), primary + "0", to_lower(primary), std::string("-")}) {
    CHECK(silence(replaced(sound, "8 00 " + primary, "8 00 " + fingerprint)) == reason);
  }
}
