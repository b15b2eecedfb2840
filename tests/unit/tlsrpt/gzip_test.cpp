#include "tlsrpt/gzip.h"

#include <zlib.h>

#include "support.h"

using namespace starttls;
using namespace starttls::test;

namespace {

// zlib's own reader of gzip files.
std::string gunzip(const std::filesystem::path& file) {
  gzFile in = ::gzopen(file.c_str(), "rb");
  std::string content(1 << 20, '\0');
  const int got = ::gzread(in, content.data(), static_cast<unsigned>(content.size()));
  ::gzclose(in);
  content.resize(got < 0 ? 0 : static_cast<std::size_t>(got));
  return content;
}

}  // namespace

TEST_CASE("compressed content comes back whole") {
  const TemporaryFolder folder;
  for (const std::string& content : {std::string(), std::string("x"), std::string(300000, 'a') + "end"}) {
    write(folder / "f.gz", good(tlsrpt::gzip(content)));
    CHECK(gunzip(folder / "f.gz") == content);
  }
}

TEST_CASE("the same content gives the same bytes, with no time and no name in them") {
  const std::string packed = good(tlsrpt::gzip("report"));
  CHECK(packed == good(tlsrpt::gzip("report")));
  CHECK(packed.substr(3, 5) == std::string(5, '\0'));  // RFC 1952: flags, time
}
