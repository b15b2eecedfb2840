#include "mtasts/record.h"

#include "support/record_cases.h"

using namespace starttls;
using namespace starttls::mtasts;
using namespace starttls::test;

namespace {

void check(const std::vector<RecordCase>& cases) {
  check_records(cases, read_records,
                [](const RecordReading& reading) { return reading.record ? reading.record->id : ""; });
}

}  // namespace

TEST_CASE("a record that follows the standard gives its id, and no findings") {
  const std::string longest(32, 'Z');
  check({
      {"as in the standard's example", {"v=STSv1; id=20160831085700Z;"}, "20160831085700Z", ""},
      {"the last ';' is optional", {"v=STSv1; id=1"}, "1", ""},
      {"blanks around ';' are optional", {"v=STSv1;id=1;"}, "1", ""},
      {"and may be many, before it, too", {"v=STSv1 \t; \t id=1 ; "}, "1", ""},
      {"the longest id", {"v=STSv1; id=" + longest}, longest, ""},
  });
}

TEST_CASE("unknown fields are ignored if they are well-formed") {
  check({
      {"before and after the id",
       {"v=STSv1; a=1; id=1; x_y-z.=!~:"},
       "1",
       "note 1:10: a: is unknown and is ignored\nnote 1:21: x_y-z.: is unknown and is ignored\n"},
      {"a '=' in the value",
       {"v=STSv1; id=1; a=b=c"},
       "",
       "refused 1:18: a: 'b=c' is not visible ASCII without '='\n"},
      {"a blank in the value",
       {"v=STSv1; id=1; a=b c"},
       "",
       "refused 1:18: a: 'b c' is not visible ASCII without '='\n"},
      {"no value", {"v=STSv1; id=1; a="}, "", "refused 1:18: a: has no value\n"},
      {"no '='", {"v=STSv1; id=1; a"}, "", "refused 1:16: 'a' is no field of the form 'name=value'\n"},
      {"no name", {"v=STSv1; id=1; =a"}, "", "refused 1:16: '=a' is no field of the form 'name=value'\n"},
      {"a name of 33",
       {"v=STSv1; id=1; " + std::string(33, 'n') + "=a"},
       "",
       "refused 1:16: '" + std::string(33, 'n') + "=a' is no field of the form 'name=value'\n"},
      {"a name that begins with '_'",
       {"v=STSv1; id=1; _a=b"},
       "",
       "refused 1:16: '_a=b' is no field of the form 'name=value'\n"},
  });
}

TEST_CASE("an error with only one possible meaning is a fault, and the record counts") {
  check({
      {"the first id counts",
       {"v=STSv1; id=1; id=2"},
       "1",
       "fault 1:16: id: is there twice; the first counts\n"},
      {"an empty field says nothing",
       {"v=STSv1;; id=1;;"},
       "1",
       "fault 1:9: an empty field: one ';' is too many\nfault 1:16: an empty field: one ';' is too many\n"},
      {"nor do blanks at the end", {"v=STSv1; id=1 "}, "1", "fault 1:14: ends in blanks, after no ';'\n"},
      {"names are case-sensitive",
       {"v=STSv1; ID=1; id=2"},
       "2",
       "fault 1:10: ID: is ignored: 'id' is written in lower case\n"},
  });
}

TEST_CASE("an id is 1 to 32 letters and digits, and must exist") {
  check({
      {"none", {"v=STSv1; x=1"}, "", "refused 1:1: has no id\nnote 1:10: x: is unknown and is ignored\n"},
      {"no field at all", {"v=STSv1;"}, "", "refused 1:1: has no id\n"},
      {"an empty one", {"v=STSv1; id=;"}, "", "refused 1:13: id: is empty\n"},
      {"one with '+'",
       {"v=STSv1; id=2026+1"},
       "",
       "refused 1:17: id: '2026+1' is not only letters and digits\n"},
      {"one with '-'",
       {"v=STSv1; id=2026-11-22T12:00:00"},
       "",
       "refused 1:17: id: '2026-11-22T12:00:00' is not only letters and digits\n"},
      {"one of 33",
       {"v=STSv1; id=" + std::string(33, 'a')},
       "",
       "refused 1:13: id: is longer than 32 characters\n"},
      {"one after a blank",
       {"v=STSv1; id= 1"},
       "",
       "refused 1:13: id: ' 1' is not only letters and digits\n"},
      {"a name that ends in a blank",
       {"v=STSv1; id =1"},
       "",
       "refused 1:1: has no id\nrefused 1:10: 'id =1' is no field of the form 'name=value'\n"},
      {"the first counts also where it is the wrong one",
       {"v=STSv1; id=+; id=1"},
       "",
       "refused 1:13: id: '+' is not only letters and digits\n"
       "fault 1:16: id: is there twice; the first counts\n"},
  });
}

TEST_CASE("records that do not begin with the version do not count") {
  const std::string none = "refused 1:1: no record begins with 'v=STSv1;'\n";
  check({
      {"no record", {}, "", none},
      {"others may be there",
       {"v=spf1 -all", "v=STSv1; id=1"},
       "1",
       "note 1:1: 'v=spf1 -all' is another record: it does not begin with 'v=STSv1;'\n"},
      {"STSv12 is another version",
       {"v=STSv12; id=1"},
       "",
       "fault 1:1: 'v=STSv12; id=1' does not begin with exactly 'v=STSv1;' and does not count\n" + none},
      {"and does not disturb",
       {"v=STSv2; id=1", "v=STSv1; id=2"},
       "2",
       "fault 1:1: 'v=STSv2; id=1' does not begin with exactly 'v=STSv1;' and does not count\n"},
      {"the version alone",
       {"v=STSv1"},
       "",
       "fault 1:1: 'v=STSv1' does not begin with exactly 'v=STSv1;' and does not count\n" + none},
      {"upper case",
       {"V=STSV1; id=1"},
       "",
       "fault 1:1: 'V=STSV1; id=1' does not begin with exactly 'v=STSv1;' and does not count\n" + none},
      {"a blank before",
       {" v=STSv1; id=1"},
       "",
       "fault 1:1: ' v=STSv1; id=1' does not begin with exactly 'v=STSv1;' and does not count\n" + none},
      {"quoted twice",
       {"\"v=STSv1; id=1\""},
       "",
       "fault 1:1: '\"v=STSv1; id=1\"' does not begin with exactly 'v=STSv1;' and does not count\n" + none},
      {"a ';' escaped twice",
       {"v=STSv1\\; id=1\\;"},
       "",
       "fault 1:1: 'v=STSv1\\\\; id=1\\\\;' does not begin with exactly 'v=STSv1;' and does not count\n" +
           none},
      {"an id alone",
       {"id=1; v=STSv1;"},
       "",
       "note 1:1: 'id=1; v=STSv1;' is another record: it does not begin with 'v=STSv1;'\n" + none},
  });
}

TEST_CASE("of two records none counts, even if they are the same, and each is checked for faults") {
  check({
      {"two",
       {"v=STSv1; id=1", "v=STSv1; id=1"},
       "",
       "refused 2:1: 2 records begin with 'v=STSv1;': where there is more than one, none counts\n"},
      {"the second is faulty",
       {"v=STSv1; id=1", "x", "v=STSv1; id="},
       "",
       "note 2:1: 'x' is another record: it does not begin with 'v=STSv1;'\n"
       "refused 3:1: 2 records begin with 'v=STSv1;': where there is more than one, none counts\n"
       "refused 3:13: id: is empty\n"},
  });
}

TEST_CASE("a record longer than DNS can hold is refused") {
  CHECK_FALSE(read_records(std::vector<std::string>{"v=STSv1; id=1; a=" + std::string(65535, 'a')}).record);
}
