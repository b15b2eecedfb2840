// Text and numbers on a page of HTML. Nothing that comes from outside gets into a page in another way.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace starttls::html {

// The text, printable() and escaped, for HTML and for attributes in quotes.
std::string text(std::string_view text);

// The same for a text that is already printable(): backslashes are not doubled again.
std::string escape(std::string_view text);

// The same for sentences: a day in them, such as 2026-11-28, stays on one line.
std::string prose(std::string_view sentences);

// The same for a host or domain name; lines may be broken after its dots.
std::string name(std::string_view name);

// "1,234,567"
std::string grouped_digits(std::uint64_t number);
// "1,234 sessions"
std::string grouped_count(std::uint64_t number, std::string_view one);

}  // namespace starttls::html
