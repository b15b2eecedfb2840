#include "minisign/key.h"

#include "samples.h"
#include "support.h"

using namespace starttls;
using namespace starttls::minisign;
using namespace starttls::test;

TEST_CASE("a public key is read from its text and shows the id that minisign shows") {
  CHECK(to_text(good(parse_key(key_a)).id) == id_of_a);
  CHECK(to_text(good(parse_key(key_b)).id) == id_of_b);
  CHECK(good(parse_key(key_a)).key != good(parse_key(key_b)).key);
}

TEST_CASE("a key file is a comment and a key, or a key alone") {
  for (const std::string& content : {"untrusted comment: minisign public key X\n" + key_a + "\n",
                                     "untrusted comment: minisign public key X\r\n" + key_a + "\r\n",
                                     "untrusted comment:\n" + key_a, key_a, key_a + "\n"}) {
    CAPTURE(content);
    CHECK(to_text(good(parse_key_file(content)).id) == id_of_a);
  }
}

TEST_CASE("what is no public key is refused") {
  for (const std::string& text :
       {std::string(), key_a.substr(1), key_a + "A", key_a.substr(0, 55) + "=", " " + key_a.substr(1),
        key_a.substr(0, 55) + "\n", replaced(key_a, "RWT", "RWQ").replace(0, 2, "RU"), std::string(56, '*'),
        std::string(56, '\0'), std::string(100000, 'A')}) {
    CAPTURE(text.substr(0, 60));
    CHECK(bad(parse_key(text)).fault == Fault::data);
  }
}

TEST_CASE("what is no key file is refused") {
  for (const std::string& content :
       {std::string(), std::string("\n"), std::string("untrusted comment: alone\n"),
        key_a + "\n" + key_b + "\n", key_a + "\n\n", "comment\n" + key_a + "\n",
        "untrusted comment: " + std::string(2000, 'x') + "\n" + key_a + "\n", prehashed}) {
    CAPTURE(content.substr(0, 60));
    CHECK(bad(parse_key_file(content)).fault == Fault::data);
  }
}
