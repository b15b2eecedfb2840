// The compressed form in which reports travel (RFC 1952).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::tlsrpt {

// One gzip member without a file name or time, so that the same content gives the same bytes. Content up to 4
// GiB; Fault::internal where zlib has no memory.
Result<std::string> gzip(std::string_view content);

// Content that is packed closer than this many to one, and is larger than a mebibyte, is a bomb: reports of a
// hundred thousand policies that differ in a digit come to 73 to one; deflate can do 1,032.
inline constexpr std::size_t most_packed = 500;

// Whether it begins as gzip does, whatever it is called.
bool is_gzip(std::string_view content);

// The content of one or more gzip members. Fault::data, at the latest when `limit` bytes of content and a
// buffer's worth are there, where it is larger than that, packed too closely, damaged, cut short, or followed
// by something else.
Result<std::string> gunzip(std::string_view packed, std::size_t limit);

}  // namespace starttls::tlsrpt
