// Parts of the messages of mail servers, for the parsers.
#pragma once

#include <string>
#include <string_view>

#include "mtalog/line.h"

namespace starttls::mtalog {

// "postfix/smtpd[123": distinguishes processes.
std::string process_key(const Line& line);

// "host[192.0.2.1]", "host[2001:db8::1]:4711"; Sendmail: "host [192.0.2.1] (may be forged)",
// "[IPv6:2001:db8::1]". Empty where there is no address in brackets.
std::string address_in(std::string_view text);

// "6AQHSpE9000046" of "6AQHSpE9000046: to=...": the queue id before a message. Empty where there is none.
std::string_view queue_id_of(std::string_view message);

// The message without its queue id and what separates them.
std::string_view without_queue_id(std::string_view message);

// What stands between the first `begin` and the next `end`, or the end of the text. Empty without `begin`.
std::string_view between(std::string_view text, std::string_view begin, std::string_view end);

}  // namespace starttls::mtalog
