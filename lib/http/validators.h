// What a server says of one version of a file, so that it can be asked later whether there is another
// (RFC 9110 sections 8.8 and 13.1).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace starttls::http {

// A longer one is not kept, in bytes.
inline constexpr std::size_t validator_size_limit = 512;

// "" is none. They come from the server and go back to it as they are.
struct Validators {
  std::string etag;           // ETag, sent back as If-None-Match
  std::string last_modified;  // Last-Modified, sent back as If-Modified-Since

  bool empty() const { return etag.empty() && last_modified.empty(); }
};

// Whether the text may be kept and sent as a field's value: not empty, not over the limit, blanks and visible
// ASCII only, so that neither a file nor a request can be broken by it.
bool is_validator(std::string_view text);

}  // namespace starttls::http
