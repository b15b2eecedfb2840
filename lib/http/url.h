// URLs to fetch from: https only (RFC 9110 section 4.2.2).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::http {

// A longer URL is refused, in bytes.
inline constexpr std::size_t url_size_limit = 2048;

// Whether the text is an absolute https URL with a host, in ASCII. It may have a user name and a password. A
// fragment is never sent. Fault::config with the reason, which does not show the text.
Result<void> is_https_url(std::string_view text);

// The URL of the signature of the file at `url`, by convention: the suffix (".minisig", ".asc") is appended
// to the path. The query is kept, a fragment is dropped. Fault::config where `url` is no https URL or its
// path names no file.
Result<std::string> signature_url(std::string_view url, std::string_view suffix);

// The URL of a file beside the one at `url`: the last part of the path is replaced by the name, which has characters of
// RFC 3986 section 2.3 only. The query is kept, a fragment is dropped. Fault::config where `url` is no https URL.
Result<std::string> sibling_url(std::string_view url, std::string_view name);

// The last part of the URL's path, decoded: "list.json"; "" where the path ends with a slash, or it is no
// URL.
std::string file_name(std::string_view url);

// The URL in a form that may be shown: scheme, host, port and path, escaped. User name, password and query
// are left out, as they are often secrets. "(no URL)" where the text is no URL.
std::string shown(std::string_view url);

// The same for a Location field, which may be a relative reference (RFC 9110 section 10.2.2).
std::string shown_location(std::string_view location);

// The URL without user name and password; "" where it is none.
std::string without_userinfo(std::string_view url);

}  // namespace starttls::http
