// Maps the server's errors to Fault. For this component only.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::postgres {

// The Fault for the server's code of five characters (PostgreSQL's manual, appendix A "PostgreSQL Error
// Codes"). "" means an error of libpq itself: then the connection failed.
Fault sqlstate_fault(std::string_view sqlstate);

struct ConnectError {
  std::string sqlstate;  // "" where no server spoke
  std::string text;      // one line
};

// Parses libpq's verbose message about a failed connection.
ConnectError parse_connect_error(const std::string& message);

Fault connect_fault(const ConnectError& error);

}  // namespace starttls::postgres
