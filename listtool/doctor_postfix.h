// Whether Postfix asks for our policies and can follow them.
#pragma once

#include <vector>

#include "listtool/doctor_checks.h"

namespace starttls::listtool {

doctor::Checks postfix_checks(const OutboundFacts& facts, const doctor::Postfix& postfix);

// Whether it is meant to do DANE: by its level, or because it asks a serve that does.
bool needs_dane(const OutboundFacts& facts, const doctor::Postfix& postfix);

// The services that deliver over SMTP.
std::vector<doctor::PostfixService> smtp_services(const doctor::Postfix& postfix);
// The one that the settings of main.cf are judged for.
doctor::PostfixService main_smtp_service(const doctor::Postfix& postfix);

}  // namespace starttls::listtool
