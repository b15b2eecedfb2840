// Values in received reports that differ from the form of RFC 8460.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starttls::tlsrpt {

// A number of sessions: a JSON number (RFC 8259 section 6) that is an integer, however it is written: "1000",
// "1000.0", "1e3", "10e-1". The largest number that fits where it is larger; none where it is negative or has
// a fraction, and where the text is no number. Blanks around it are ignored.
std::optional<std::uint64_t> parse_session_count(std::string_view text);

// The texts of a JSON array that is itself written as a text: "[\"3 1 1 ab\", \"3 1 1 cd\"]". Nothing where
// it is no array, or contains anything but texts.
std::optional<std::vector<std::string>> parse_text_array(std::string_view text);

}  // namespace starttls::tlsrpt
