// What the server's errors are to us. For this component only.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::postgres {

// By the server's code of five characters (PostgreSQL's manual, appendix A "PostgreSQL Error Codes"); ""
// where the error is libpq's own: then the connection failed.
Fault sqlstate_fault(std::string_view sqlstate);

struct ConnectError {
  std::string sqlstate;  // "" where no server spoke
  std::string text;      // one line
};

// Of what libpq says, at its most talkative, of a connection that did not come about.
ConnectError parse_connect_error(const std::string& message);

Fault connect_fault(const ConnectError& error);

}  // namespace starttls::postgres
