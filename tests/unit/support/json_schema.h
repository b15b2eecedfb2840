// Whether a JSON text satisfies a JSON Schema (draft 4), by RapidJSON. For clang, see
// starttls_includes_rapidjson_document() in tests/unit/CMakeLists.txt.
#pragma once

#include <rapidjson/document.h>
#include <rapidjson/schema.h>
#include <rapidjson/stringbuffer.h>

#include <filesystem>
#include <string>

#include "support.h"

namespace starttls::test {

// Where the text has a fault, and the schema's word for it; "" if there is none.
inline std::string schema_fault(const std::filesystem::path& schema_file, const std::string& json) {
  rapidjson::Document schema;
  schema.Parse(read(schema_file).c_str());
  REQUIRE_FALSE(schema.HasParseError());
  rapidjson::Document document;
  document.Parse(json.c_str());
  REQUIRE_FALSE(document.HasParseError());
  const rapidjson::SchemaDocument compiled(schema);
  rapidjson::SchemaValidator validator(compiled);
  if (document.Accept(validator)) return {};
  rapidjson::StringBuffer place;
  validator.GetInvalidDocumentPointer().StringifyUriFragment(place);
  return fmt::format("{}: {}", place.GetString(), validator.GetInvalidSchemaKeyword());
}

}  // namespace starttls::test
