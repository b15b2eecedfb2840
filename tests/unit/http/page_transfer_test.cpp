#include "http/page_transfer.h"

#include "support.h"

using namespace starttls::http;

TEST_CASE("an address is judged when curl connects, whatever the check before") {
  const FetcherSettings settings{.port = 1};
  std::vector<CURL*> lost;
  const auto transfer = PageTransfer::create(settings, lost);
  REQUIRE(transfer != nullptr);
  for (const char* address : {"127.0.0.1", "::1", "::ffff:127.0.0.1", "10.0.0.1"}) {
    transfer->prepare({.host = "a.test", .path = "/", .addresses = {address}},
                      [](const std::string&) { return true; });
    const Page page = transfer->conclude(::curl_easy_perform(transfer->easy()));
    CHECK(page.error == FetchError::address);
    CHECK(page.reason == std::string("no address of the public Internet: ") + address);
  }
}
