// What bounces of all forms have in common. Internal to this component.
#pragma once

#include <string>
#include <string_view>

namespace starttls::mail {

// Removes the lines up to the next blank one, with it, from the text.
std::string_view take_paragraph(std::string_view& text);

// The status of RFC 3463 that the text is: class "." subject "." detail. "" where it is none.
std::string parse_status(std::string_view text);

// The address, without angle brackets around it; "" where it is none, or too long.
std::string parse_bounced_address(std::string_view text);

// What is between the first angle brackets; "" where there are none.
std::string message_id_of(std::string_view value);

}  // namespace starttls::mail
