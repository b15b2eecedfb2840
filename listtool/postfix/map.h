// What Postfix is told: entries of smtp_tls_policy_maps (TLS_README, "Client TLS security levels";
// postconf(5), smtp_tls_policy_maps). One unknown or empty attribute defers all mail to the domain, so
// nothing appears here that the Postfix in use may not know.
#pragma once

#include <compare>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/file_draft.h"
#include "base/result.h"
#include "policy/answer.h"
#include "preload/list.h"

namespace starttls::listtool {
struct Source;
}

namespace starttls::listtool::postfix {

struct Version {
  unsigned major = 0;
  unsigned minor = 0;
  auto operator<=>(const Version&) const = default;
};

// "3.7", "3.7.11", "3.10-20241126": as "postconf -h mail_version" prints it. Fault::usage else.
Result<Version> parse_version(std::string_view text);

struct Rules {
  // Unknown: what 3.4 and every later one understands.
  std::optional<Version> version;
  // Treat testing as enforce.
  bool early_adopter = false;
};

// "secure match=mx.example.org:.example.net servername=hostname", or nothing where Postfix is to be told
// nothing: the entry's mode demands nothing, or is only testing.
std::optional<std::string> policy_for(const preload::Entry& entry, const Rules& rules);

// What is decided for a domain out of all sources, DANE included: "dane-only", "dane", or as above.
std::optional<std::string> policy_for(std::string_view domain, const policy::Answer& answer,
                                      std::optional<Version> version);

// The same for those who write millions: the policy goes to the end of `text`; false where there is none.
bool append_policy(std::string& text, const preload::Entry& entry, const Rules& rules);

// Writes a whole map in text form, for texthash or postmap(1): head comments, one line a domain in the order
// of the names; later lists overlay earlier ones. An expired list is named in a comment and left out.
// Depends on nothing but the lists, which of them have expired, and the rules.
void write_text_map(std::span<const Source> sources, const Rules& rules, BufferedWriter& out);

}  // namespace starttls::listtool::postfix
