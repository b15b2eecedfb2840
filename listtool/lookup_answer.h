// The answer of `lookup` for one domain, as text and as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "dane/dane.h"
#include "listtool/mail_server.h"
#include "mtasts/policy_state.h"
#include "outbound/figures.h"
#include "policy/decision.h"

namespace starttls::listtool {

// What a mail server does, in its own syntax; nothing if nothing is demanded.
struct ServerPolicy {
  const MailServer* server = nullptr;
  std::optional<std::string> policy;
};

struct LookupAnswer {
  std::string next_hop;  // as it was given
  std::string domain;    // its policy domain
  policy::Decision policy;
  std::optional<bool> verified;  // of a list, whether its signature was checked
  std::optional<dane::DaneResult> dane;
  std::optional<mtasts::FetchedPolicy> mta_sts;
  std::vector<ServerPolicy> servers;
  std::optional<outbound::Summary> deliveries;  // of our own mail

  bool applies() const { return policy.mode != policy::Mode::none; }
};

// Several lines.
std::string to_string(const LookupAnswer& answer);
// An array with an object for each.
std::string to_json(const std::vector<LookupAnswer>& answers);

}  // namespace starttls::listtool
