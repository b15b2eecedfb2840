#include "openpgp/armour.h"

#include "support.h"

using namespace starttls;
using namespace starttls::openpgp;
using namespace starttls::test;

namespace {

const std::string begin = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n";
const std::string end = "-----END PGP PUBLIC KEY BLOCK-----\n";
const std::string bytes = "\x98\x01\x02\x03\x04\x05\x06";  // "mAECAwQFBg=="

std::string refusal(const std::string& content) {
  CAPTURE(content);
  const Error error = bad(keyring(content));
  CHECK(error.fault == Fault::data);
  return error.message;
}

}  // namespace

TEST_CASE("a binary keyring is used unchanged") {
  const std::string binary("\x98\x00\x0a\xff", 4);
  CHECK(good(keyring(binary)) == binary);
}

TEST_CASE("the armour is removed from a key in every form in which keys are published") {
  for (const std::string& armoured : {
           begin + "\nmAECAwQFBg==\n=eKZw\n" + end,
           begin + "\nmAECAwQFBg==\n" + end,             // without a checksum
           begin + "\nmAECAwQFBg==\n=AAAA\n" + end,      // with a wrong one: RFC 9580 section 6.1
           begin + "\nmAEC\nAwQF\nBg==\n=eKZw\n" + end,  // several lines
           begin + "Version: GnuPG v2\nComment: a key\nComment:\n\nmAECAwQFBg==\n=eKZw\n" + end,
           begin + " \t\nmAECAwQFBg== \n=eKZw\t\n" + end,  // blanks at the ends
           "Our key:\n\n" + begin + "\nmAECAwQFBg==\n=eKZw\n" + end + "\nThat was it.\n",
           begin + "\nmAECAwQFBg==\n=eKZw\n" + end.substr(0, end.size() - 1),
       }) {
    CAPTURE(armoured);
    CHECK(good(keyring(armoured)) == bytes);
    std::string crlf;
    for (const char c : armoured) crlf += c == '\n' ? std::string("\r\n") : std::string(1, c);
    CHECK(good(keyring(crlf)) == bytes);
  }
}

TEST_CASE("a file that is no key is refused with its reason") {
  for (const std::string& text :
       {std::string(), std::string("\n\n"), std::string("a text\n"), begin.substr(1)}) {
    CHECK(refusal(text) == "no OpenPGP public key, neither binary nor armoured");
  }
  CHECK(refusal(
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nmAECAwQFBg==\n-----END PGP PRIVATE KEY BLOCK-----\n") ==
        "an OpenPGP block of another kind than a public key");
  CHECK(refusal("-----BEGIN PGP SIGNATURE-----\n") == "an OpenPGP block of another kind than a public key");
  for (const std::string& text :
       {begin, begin + "mAECAwQFBg==\n" + end, begin + "Version: 1\nmAECAwQFBg==\n\n" + end}) {
    CHECK(refusal(text) == "no empty line between the head and the body of the armour");
  }
  for (const std::string& text : {begin + "\nmAECAwQFBg==\n", begin + "\nmAECAwQFBg==\n=eKZw\n",
                                  begin + "\nmAECAwQFBg==\n=eKZw\nmore\n" + end, begin + "\n"}) {
    CHECK(refusal(text) == "the armour has no end");
  }
  for (const std::string body :
       {"", "mAECAwQFBg=", "mAECAwQFBg", "mAEC*wQFBg==", "mAECAwQFBh==", "mAEC AwQFBg==", "mA==AwQFBg==",
        "mAE\x01wQFBg==", "m===", "AAEC", "\xff\xff\xff\xff"}) {
    CHECK(refusal(begin + "\n" + body + "\n" + end) == "the armour holds no OpenPGP packets in base64");
  }
  const std::string one = begin + "\nmAECAwQFBg==\n=eKZw\n" + end;
  CHECK(refusal(one + one).starts_with("more than one armoured block"));
  CHECK(refusal(std::string(key_file_size_limit + 1, '\x98')).starts_with("larger than the limit"));
}
