#include "examination/chains.h"

#include "support.h"

using namespace starttls;
using namespace starttls::examination;
using starttls::test::at;

namespace {

std::vector<certificate::Certificate> chain(const std::vector<std::string>& certificates) {
  std::vector<certificate::Certificate> all;
  for (const std::string& der : certificates) all.push_back({.der = der});
  return all;
}

Chains none_trusted() {
  return {certificate::Authorities::of({}), at("2026-11-28T12:00:00Z")};
}

}  // namespace

TEST_CASE("equal chains are one, which is verified once") {
  Chains chains = none_trusted();
  const auto first = chains.share(chain({"a", "b"}));
  REQUIRE(first);
  CHECK(first->trust.fault != certificate::ChainFault::none);
  CHECK(chains.share(chain({"a", "b"})) == first);
  CHECK(chains.share(chain({"a", "c"})) != first);
  CHECK(chains.share(chain({"a"})) != first);
  // Together they have the same bytes.
  CHECK(chains.share(chain({"ab"})) != first);
  CHECK(chains.share({}) == nullptr);
}

TEST_CASE("a chain that nobody holds is not kept") {
  Chains chains = none_trusted();
  const auto kept = chains.share(chain({"kept"}));
  for (int i = 0; i < 5'000; ++i) chains.share(chain({std::to_string(i)}));
  CHECK(chains.size() == 1);
  CHECK(chains.share(chain({"kept"})) == kept);
}
