// Whether Exim asks for our policies, by the files in packaging/exim, and can follow them.
#pragma once

#include <optional>
#include <string>

#include "listtool/doctor_checks.h"

namespace starttls::listtool {

doctor::Checks exim_checks(const OutboundFacts& facts, const doctor::Exim& exim);

// Whether it is meant to do DANE: it asks a serve that does.
bool needs_dane(const OutboundFacts& facts, const doctor::Exim& exim);

// Where its routers ask; "" if they do not ask a server.
std::string serve_place(const doctor::Exim& exim);
std::optional<config::Address> serve_address(const std::string& place);

// The certificates that our transport trusts: a file or a directory; "" if there is no such transport.
std::string trusted_certificates(const doctor::Exim& exim);

}  // namespace starttls::listtool
