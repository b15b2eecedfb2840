// Where the body of an answer goes, piece by piece, so that its size needs no memory.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::http {

// Gets every piece of the body of a 200 in turn, and no other body. An error ends the transfer and becomes
// its error. After any error the pieces are the beginning of a body at best: drop them. Throws nothing.
using Sink = std::function<Result<void>(std::string_view)>;

// Appends to a text, which must outlive the sink; for bodies whose limit is small.
Sink append_to(std::string& text);

// Writes to a descriptor, which stays the caller's and open; `name` is for the error, which is Fault::io.
Sink append_to(int fd, std::string name);

}  // namespace starttls::http
