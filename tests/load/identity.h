// Sessions of every kind, each with a client of its own, so that it can be found again in the store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "load/script.h"

namespace starttls::load {

// The kinds take turns: TLS with mail, TLS without, plaintext with mail, EHLO only, TLS with several messages
// of which one is given up, plaintext with two messages, TLS with a trusted certificate.
Script numbered_script(std::uint32_t number);

// What the handshake of the session came to, as the log of the MTA tells it in mtalog's words; empty where it
// tells nothing. Some of those that say EHLO only.
std::string_view failure_of(std::uint32_t number);

// What a mail server does not accept: TLS, MAIL, one RCPT, and the client gives up. The client is one of so
// many.
Script given_up_script(std::uint32_t sender);

// The number of the session whose client has the address; nothing where it is none of ours.
std::optional<std::uint32_t> number_of_address(std::string_view client_address);

// What a mail server does not accept: TLS, MAIL, one RCPT, and the client gives up. The client is one of so
// many.
Script given_up_script(std::uint32_t sender);

// The number of the session that has the client name; nothing where none of ours has it.
std::optional<std::uint32_t> number_of(std::string_view client_name);

}  // namespace starttls::load
