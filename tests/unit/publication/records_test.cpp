#include "publication/records.h"

#include "catch.h"

using namespace starttls;
using namespace starttls::publication;

TEST_CASE("the data of TXT records is quoted, escaped and cut into strings") {
  CHECK(txt_data("v=STSv1; id=1;") == R"("v=STSv1; id=1;")");
  CHECK(txt_data("a\"b\\c") == R"("a\"b\\c")");
  CHECK(txt_data("\n\xFF") == R"("\010\255")");
  CHECK(txt_data("") == R"("")");
  CHECK(txt_data(std::string(256, 'x')) == '"' + std::string(255, 'x') + "\" \"x\"");
  CHECK(txt_data(std::string(255, 'x')) == '"' + std::string(255, 'x') + '"');
}

TEST_CASE("TLSA records are written in hexadecimal") {
  CHECK(tlsa_data({.usage = 3, .selector = 1, .matching_type = 1, .data = std::string("\x00\xAB", 2)}) ==
        "3 1 1 00ab");
}

TEST_CASE("a zone file has every record, and nsupdate gets only what has changed") {
  const std::vector<RecordSet> sets{
      {.owner = "_25._tcp.mx.example.org", .type = "TLSA", .data = {"3 1 1 aa", "3 1 1 bb"}, .changed = true},
      {.owner = "_mta-sts.example.org", .type = "TXT", .data = {"\"v=STSv1; id=1;\""}, .changed = false}};
  CHECK(zone_text(sets, std::chrono::hours(1)) ==
        "_25._tcp.mx.example.org. 3600 IN TLSA 3 1 1 aa\n"
        "_25._tcp.mx.example.org. 3600 IN TLSA 3 1 1 bb\n"
        "_mta-sts.example.org. 3600 IN TXT \"v=STSv1; id=1;\"\n");
  CHECK(nsupdate_text(sets, std::chrono::hours(1)) ==
        "update delete _25._tcp.mx.example.org. TLSA\n"
        "update add _25._tcp.mx.example.org. 3600 TLSA 3 1 1 aa\n"
        "update add _25._tcp.mx.example.org. 3600 TLSA 3 1 1 bb\n"
        "send\n");
}
