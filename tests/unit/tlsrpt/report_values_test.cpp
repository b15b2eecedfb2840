#include "tlsrpt/report_values.h"

#include <limits>

#include "support.h"

using starttls::tlsrpt::parse_session_count;
using starttls::tlsrpt::parse_text_array;
using Texts = std::vector<std::string>;

TEST_CASE("a number of sessions is an integer, however JSON writes it") {
  constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
  const std::pair<const char*, std::uint64_t> good_ones[] = {{"0", 0},
                                                             {"7", 7},
                                                             {"1000.0", 1000},
                                                             {"1e3", 1000},
                                                             {"1E+3", 1000},
                                                             {"10e-1", 1},
                                                             {"1.5e1", 15},
                                                             {"0.002e3", 2},
                                                             {"-0", 0},
                                                             {"-0.0e5", 0},
                                                             {"0e99999999999", 0},
                                                             {" 12 \n", 12},
                                                             {"007", 7},
                                                             {"100000e-5", 1},
                                                             {"18446744073709551615", largest},
                                                             {"18446744073709551616", largest},
                                                             {"1e19", 10'000'000'000'000'000'000U},
                                                             {"1e20", largest},
                                                             {"1e99999999999999999999", largest},
                                                             {"123456789012345678901234567890", largest}};
  for (const auto& [text, expected] : good_ones) {
    CAPTURE(text);
    CHECK(parse_session_count(text) == expected);
  }
  for (const char* text : {"",    "-1",    "-1e3", "0.5",   "1.25e1", "1e-1", "1e-99999999999999999999",
                           "+5",  "1,000", "1.",   ".5",    "1e",     "1e+",  "0x10",
                           "NaN", "many",  "true", "1 000", "1.2.3",  "5e1.0"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_session_count(text));
  }
  const std::string digits(1'000'000, '1');
  CHECK(parse_session_count(digits) == largest);
  CHECK(parse_session_count("1" + std::string(1'000'000, '0') + "e-1000000") == 1);
  CHECK_FALSE(parse_session_count(digits + "e-1"));
}

TEST_CASE("an array of texts that is written as one text is split") {
  CHECK(parse_text_array(R"(["3 1 1 ab", "2 0 1 cd"])") == Texts{"3 1 1 ab", "2 0 1 cd"});
  CHECK(parse_text_array(R"( ["a\"b"] )") == Texts{"a\"b"});
  CHECK(parse_text_array("[]") == Texts());
  for (const char* text : {"", "3 1 1 ab", "[", "[192.0.2.1]", "[IPv6:2001:db8::1]", R"(["a", 1])",
                           R"([["a"]])", R"({"a": "b"})", R"(["a"] ["b"])", R"(["a", null])", R"(["a")"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_text_array(text));
  }
  CHECK_FALSE(parse_text_array(std::string(1'000'000, '[') + std::string(1'000'000, ']')));
}
