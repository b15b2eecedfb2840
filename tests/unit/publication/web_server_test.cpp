#include "publication/web_server.h"

#include "support.h"

using namespace starttls;
using namespace starttls::publication;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("configurations of web servers name the policy host, the path and the file") {
  const DomainName domain = test::good(DomainName::parse("example.org"));
  const WebServer server = test::good(WebServer::create(domain, "/srv/mta sts/example.org"));
  for (const std::string& text : {server.nginx(), server.caddy(), server.apache()}) {
    CAPTURE(text);
    CHECK_THAT(text, ContainsSubstring("mta-sts.example.org"));
    CHECK_THAT(text, ContainsSubstring("/.well-known/mta-sts.txt"));
    CHECK_THAT(text, ContainsSubstring("\"/srv/mta sts/example.org"));
    CHECK_THAT(text, ContainsSubstring("text/plain"));
  }
}

TEST_CASE("a directory that a configuration would read in another way is refused") {
  const DomainName domain = test::good(DomainName::parse("example.org"));
  for (const char* directory : {"relative", "", "/a\"b", "/a$b", "/a\nb", "/a{b}", "/a\\b", "/a`b", "/a;b",
                                "/a#b", "/a%b", "/\xC3\xA4"}) {
    CAPTURE(directory);
    CHECK(test::bad(WebServer::create(domain, directory)).fault == Fault::usage);
  }
}
