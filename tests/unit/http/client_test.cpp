// Tests without a server; the rest is in tests/e2e/http.
#include "http/client.h"

#include <fcntl.h>

#include "base/file.h"
#include "support.h"

using namespace starttls;
using namespace starttls::http;
using namespace starttls::test;

TEST_CASE("only https URLs are fetched, and no other is shown") {
  Client client;
  std::string body;
  for (const char* url : {"http://user:secret@127.0.0.1/", "file:///etc/hostname", "", "ftp://127.0.0.1/"}) {
    const Error error = bad(client.fetch({.url = url}, append_to(body)));
    CHECK(error.fault == Fault::config);
    CHECK(error.message.find("secret") == std::string::npos);
  }
  CHECK(body.empty());
}

TEST_CASE("a sink reports the file that it cannot write") {
  const UniqueFd full(::open("/dev/full", O_WRONLY | O_CLOEXEC));
  const Sink sink = append_to(full.get(), "list.new");
  CHECK(sink("").has_value());
  const Error error = bad(sink("body"));
  CHECK(error.fault == Fault::io);
  CHECK(error.message == "list.new: cannot write: No space left on device");
}
