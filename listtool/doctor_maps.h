// What the checks of all mail servers share: which maps and which sockets are ours, and whether they are sound.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/address.h"
#include "listtool/doctor_checks.h"

namespace starttls::listtool {

inline constexpr const char* enable_serve =
    "systemctl enable --now starttls-listtool-serve.socket starttls-listtool-serve";

// Whether serve listens there: as configured, or by its unit.
bool is_serve(const OutboundFacts& facts, const std::optional<config::Address>& address);

// The output that a map of this name is made by, whatever its type; nullptr: none.
const OutputSettings* find_output(const OutboundFacts& facts, std::string_view server,
                                  const std::string& name);

// "map-file", "map-fresh" and "map-reload"
doctor::Checks output_checks(const OutboundFacts& facts, const OutputSettings& output);

// "serve-answer": `subject` is what the mail server has.
doctor::Check answer_check(const SocketmapFacts& socketmap, const std::string& subject);

// "serve-access": whether the user of the mail server may connect to a unix socket.
doctor::Checks access_checks(const OutboundFacts& facts, const SocketmapFacts& socketmap);

}  // namespace starttls::listtool
