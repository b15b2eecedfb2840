// Looks up whether DANE applies to the mail servers of a domain (RFC 7672 section 2.2). The rules are in
// dane/judgement.h.
#pragma once

#include <functional>
#include <string>

#include "base/next_hop.h"
#include "dane/dane.h"
#include "dns/answer.h"
#include "dns/resolver.h"
#include "event/task.h"

namespace starttls::discovery {

event::Task<dane::DaneResult> look_up_dane(dns::Resolver& resolver, NextHop next_hop,
                                           dane::Detail detail = dane::Detail::hosts);

// The same, with another source of answers.
using AskDns = std::function<event::Task<dns::Answer>(std::string name, dns::Type type)>;
event::Task<dane::DaneResult> look_up_dane(AskDns ask, NextHop next_hop,
                                           dane::Detail detail = dane::Detail::hosts);

}  // namespace starttls::discovery
