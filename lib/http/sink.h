// Where the body of an answer goes, piece by piece, so that its size needs no memory.
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::http {

// Gets the pieces of the body of a 200 response in turn, and no other body. An error of the sink ends the
// transfer and is its error. After any error, the pieces are an incomplete body: drop them. Does not throw.
using Sink = std::function<Result<void>(std::string_view)>;

// Appends to a string, which must outlive the sink; for small bodies.
Sink append_to(std::string& text);

// Writes to a descriptor, which stays the caller's and open; `name` is for the error, which is Fault::io.
Sink append_to(int fd, std::string name);

}  // namespace starttls::http
