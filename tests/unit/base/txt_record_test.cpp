#include "base/txt_record.h"

#include "support.h"

using namespace starttls;

namespace {

// "name@line:column=value@line:column ..."
std::string fields(const std::string& text, Findings& findings) {
  const std::vector<std::string> answer{"another", text};
  std::string shown;
  for (const TxtField& field : parse_txt_fields(answer, 1, Severity::fault, findings)) {
    shown += fmt::format("{}{}@{}:{}={}@{}:{}", shown.empty() ? "" : " ", field.name, field.position.line,
                         field.position.column, field.value, field.value_position.line,
                         field.value_position.column);
  }
  return shown;
}

}  // namespace

TEST_CASE("the fields of a record have their places") {
  Findings findings;
  CHECK(fields("v=X1 ; a=1;\tbc=d=e ;f=", findings) == "a@2:8=1@2:10 bc@2:13=d=e@2:16 f@2:21=@2:23");
  CHECK(fields("v=X1;", findings).empty());
  CHECK(std::move(findings).take().empty());
}

TEST_CASE("an invalid field is left out, with the severity that the caller chooses") {
  Findings findings;
  CHECK(fields("v=X1; a b=1; c=1; d", findings) == "c@2:14=1@2:16");
  const auto told = std::move(findings).take();
  REQUIRE(told.size() == 2);
  CHECK(told[0].severity == Severity::fault);
  CHECK(to_string(told[0]) == "2:7: 'a b=1' is no field of the form 'name=value'");
  CHECK(to_string(told[1]) == "2:19: 'd' is no field of the form 'name=value'");
}

TEST_CASE("the name of a field is a letter or digit and up to 31 more of these, '_', '-' and '.'") {
  for (const auto& name : {std::string("a"), std::string("9._-Z"), std::string(32, 'x')}) {
    CHECK(is_field_name(name));
  }
  for (const auto& name :
       {std::string(), std::string("_a"), std::string("-a"), std::string(".a"), std::string("a b"),
        std::string("a\n"), std::string("\xc3\xbc"), std::string(33, 'x')}) {
    CAPTURE(name);
    CHECK_FALSE(is_field_name(name));
  }
}

TEST_CASE("of an answer those records count that begin with the version and a semicolon") {
  const std::vector<std::string> answer{"v=X1; a=1", "v=X12; a=1", "", "v=X1", "v=X1\t ;"};
  Findings findings;
  CHECK(find_versioned_records(answer, "v=X1", findings) == std::vector<std::size_t>{0, 4});
  CHECK(findings.refused());
}
