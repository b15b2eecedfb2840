// Validators of one version of a file, sent with a later request to ask for a newer version (RFC 9110
// sections 8.8 and 13.1).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace starttls::http {

// A longer one is not kept, in bytes.
inline constexpr std::size_t validator_size_limit = 512;

// "": none. They are sent back to the server as it sent them.
struct Validators {
  std::string etag;           // ETag, sent back as If-None-Match
  std::string last_modified;  // Last-Modified, sent back as If-Modified-Since

  bool empty() const { return etag.empty() && last_modified.empty(); }
};

// Whether the text may be stored and sent as a field's value: not empty, not over the limit, blanks and
// visible ASCII only, so that it can break neither a file nor a request.
bool is_validator(std::string_view text);

}  // namespace starttls::http
