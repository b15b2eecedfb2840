#include "mail/fields.h"

#include "support.h"

using namespace starttls;
using namespace starttls::mail;

namespace {

constexpr std::array<std::string_view, 2> names{"a", "from"};

std::string found(std::string_view text) {
  std::string all;
  for (const Field& field : parse_fields(text, names)) all += fmt::format("{}={}|", field.name, field.value);
  return all;
}

}  // namespace

TEST_CASE("fields are returned in their order, unfolded, up to the body") {
  CHECK(found("A: 1\nB: 2\n a: no field\nFrom : x\n\ty\na:3\n\nA: body\n") == "a=1|from=x\ty|a=3|");
  CHECK(found("A: 1\r\n 2\r\n\r\nA: body\r\n") == "a=1 2|");
  CHECK(found(" A: 1\nno field\nA") == "");
  CHECK(found("") == "");
}

TEST_CASE("no more fields are returned than the limit") {
  std::string text;
  for (std::size_t at = 0; at <= max_fields + 5; ++at) text += "A: x\n";
  CHECK(parse_fields(text, names).size() == max_fields);
}

TEST_CASE("the domain of a field with one address") {
  CHECK(address_domain("Reports <tls@sender.test>") == "sender.test");
  CHECK(address_domain("tls@sender.test (reports)") == "sender.test");
  CHECK(address_domain("\"x@evil.test\" <tls@sender.test>") == "sender.test");
  for (const char* none : {"", "nobody", "a@sender.test, b@sender.test", "undisclosed-recipients:;"})
    CHECK_FALSE(address_domain(none));
}

TEST_CASE("the tags of a DKIM signature") {
  CHECK(find_tag("v=1; d=sender.test; b=ab\r\n\tcd; l=10", "d") == "sender.test");
  CHECK(find_tag("v=1; d=sender.test; b=ab\r\n\tcd; l=10", "b") == "abcd");
  CHECK(find_tag("v=1;\tl = 10", "l") == "10");
  CHECK_FALSE(find_tag("v=1; bl=10; b=l=", "l"));
  CHECK_FALSE(find_tag("", "l"));
}
