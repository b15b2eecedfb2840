#include "tlsrpt/policy_domain.h"

#include "support.h"

using starttls::tlsrpt::normalise_policy_domain;

TEST_CASE("a policy domain is compared without case, trailing dot and blanks, and in A-labels") {
  const std::pair<const char*, const char*> cases[] = {{"example.org", "example.org"},
                                                       {"Example.ORG", "example.org"},
                                                       {"example.org.", "example.org"},
                                                       {" example.org.\r\n", "example.org"},
                                                       {"gr\xC3\xA4"
                                                        "fe.example",
                                                        "xn--grfe-moa.example"},
                                                       {"GR\xC3\x84"
                                                        "FE.Example.",
                                                        "xn--grfe-moa.example"},
                                                       {"XN--GRFE-MOA.example", "xn--grfe-moa.example"},
                                                       {"", ""},
                                                       {".", ""},
                                                       {"_Under.Score.", "_under.score"},
                                                       {"[192.0.2.1]", "[192.0.2.1]"},
                                                       {"*.Example.Org", "*.example.org"},
                                                       {"no domain at all", "no domain at all"}};
  for (const auto& [text, expected] : cases) CHECK(normalise_policy_domain(text) == expected);
}
