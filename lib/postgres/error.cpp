#include "postgres/error.h"

#include <algorithm>
#include <array>
#include <regex>

#include "base/text.h"

namespace starttls::postgres {
namespace {

struct CodeFault {
  std::string_view code;  // or its beginning
  Fault fault;
};

// The first code that matches is used.
constexpr std::array code_faults{
    CodeFault{"08", Fault::temporary},  // connection
    CodeFault{"23505",
              Fault::temporary},  // duplicate key: another process created the same at the same moment
    CodeFault{"42P07", Fault::temporary},   // the same with a table
    CodeFault{"42710", Fault::temporary},   // the same with another object
    CodeFault{"25006", Fault::temporary},   // read-only: a standby, until it is promoted
    CodeFault{"25P03", Fault::temporary},   // the transaction was idle for too long
    CodeFault{"28", Fault::permission},     // authentication
    CodeFault{"3D000", Fault::config},      // no such database
    CodeFault{"40", Fault::temporary},      // serialization failure, deadlock
    CodeFault{"42501", Fault::permission},  // insufficient privilege
    CodeFault{"42", Fault::data},           // no such table, column, function
    CodeFault{"22", Fault::data},           // a value that does not fit its column
    CodeFault{"23", Fault::data},           // a constraint that is not ours
    CodeFault{"3F000", Fault::data},        // no such schema
    CodeFault{"53100", Fault::io},          // disk full
    CodeFault{"53", Fault::temporary},      // memory, connections
    CodeFault{"55", Fault::temporary},      // locks
    CodeFault{"57", Fault::temporary},      // cancelled, shut down, starting up
    CodeFault{"58", Fault::io},
    CodeFault{"XX001", Fault::data},  // damaged table
    CodeFault{"XX002", Fault::data},  // damaged index
};

}  // namespace

Fault sqlstate_fault(std::string_view sqlstate) {
  if (sqlstate.empty()) return Fault::temporary;
  const auto* found = std::ranges::find_if(
      code_faults, [&](const CodeFault& known) { return sqlstate.starts_with(known.code); });
  return found == code_faults.end() ? Fault::unavailable : found->fault;
}

// "connection to server at ... failed: FATAL:  28P01: password authentication failed ...\nLOCATION:  ...\n"
ConnectError parse_connect_error(const std::string& message) {
  static const std::regex code(R"(\S+:  ([0-9A-Z]{5}): )");
  static const std::regex location(R"(\s*\n\S+:  [^\n]*, \S+\.c:\d+)");
  static const std::regex line_break(R"(\s*\n\s*)");
  ConnectError error;
  std::string text = message.substr(0, 2000);
  if (std::smatch found; std::regex_search(text, found, code)) {
    error.sqlstate = found[1];
    text = found.prefix().str() + found.suffix().str();
  }
  text = std::regex_replace(text, location, "");
  text = std::regex_replace(std::string(trim(text)), line_break, " ");
  error.text = printable(text);
  return error;
}

Fault connect_fault(const ConnectError& error) {
  // libpq's messages about a parameter begin like this, before it connects.
  if (error.sqlstate.empty() && error.text.starts_with("invalid ")) return Fault::config;
  return sqlstate_fault(error.sqlstate);
}

}  // namespace starttls::postgres
