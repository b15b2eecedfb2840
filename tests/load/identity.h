// Sessions of every kind, each with a client of its own, so that it can be found in the store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "load/script.h"

namespace starttls::load {

// The kinds alternate: TLS with mail, TLS without mail, plaintext with mail, EHLO only, TLS with several
// messages of which one is aborted, plaintext with two messages, TLS with a trusted certificate.
Script numbered_script(std::uint32_t number);

// How the handshake of the session failed, in mtalog's words for the MTA's log; empty if the log has no line
// about it. Only some of the sessions with EHLO only have one.
std::string_view failure_of(std::uint32_t number);

// A session without an accepted message: TLS, MAIL, one RCPT, and the client disconnects. `sender` is the
// number of its client.
Script given_up_script(std::uint32_t sender);

// The number of the session whose client has the address; nothing if it is none of ours.
std::optional<std::uint32_t> number_of_address(std::string_view client_address);

// The number of the session that has the client name; nothing if none of ours has it.
std::optional<std::uint32_t> number_of(std::string_view client_name);

}  // namespace starttls::load
