#include "listtool/sendmail/access.h"

#include <algorithm>

#include "base/version.h"
#include "listtool/map_comment.h"
#include "listtool/sources.h"

namespace starttls::listtool::sendmail {
namespace {

constexpr std::string_view caveats = R"(#
# For a Sendmail that lacks FEATURE(`sts'); with it, use the map of type hash instead. Append these lines to the
# source of the access map and run makemap. A rule means: mail to the domain waits unless the server shows a
# certificate of a trusted CA whose subject has exactly the given common name (CN), at 128 bits or more.
#  - Other names in the certificate (SANs) and wildcards do not count. A list does not say what a certificate has
#    as CN: look before you use a rule, or mail to the domain waits until it is returned to its sender.
#  - The name of the MX host is not compared, only the certificate.
#  - A rule covers all subdomains of its domain, those that no list names, too. "TLS_Rcpt:sub.example.com OK" among
#    your own lines takes one out. A listed subdomain without a rule of its own is taken out here.
#  - With FEATURE(`check_cert_altnames') Sendmail accepts the MX host's own name in place of the given one.
#  - A domain that is NOT ENFORCED is delivered to as if it were in no list.
#
)";

bool is_one_host(std::string_view joined_mxs) {
  return !joined_mxs.starts_with('.') && joined_mxs.find(':') == joined_mxs.npos;
}

std::string why_not(std::string_view joined_mxs) {
  const auto patterns = 1 + std::ranges::count(joined_mxs, ':');
  if (patterns > 1) return fmt::format("it has {} MX patterns, and a rule can name only one host", patterns);
  return fmt::format("{} is a suffix, and a rule can only name a host", joined_mxs);
}

void append_comment(std::string& out, const preload::Entry& entry, const Rules& rules) {
  if (is_enforced(entry, rules)) {
    fmt::format_to(std::back_inserter(out), "# {} NOT ENFORCED: {}\n", entry.domain,
                   why_not(entry.joined_mxs));
  } else {
    fmt::format_to(std::back_inserter(out), "# {} {}\n", entry.domain, preload::to_string(entry.mode));
  }
}

}  // namespace

std::optional<std::string> access_rule_for(const preload::Entry& entry, const Rules& rules) {
  if (!is_enforced(entry, rules) || !is_one_host(entry.joined_mxs)) return std::nullopt;
  // TEMP: mail that fails is deferred, even if confTLS_PERM_ERR would return it at once.
  return fmt::format("TEMP+VERIFY:128+CN:{}", entry.joined_mxs);
}

std::string_view covering_domain(const preload::Entry& entry, const Rules& rules, const Find& find) {
  if (access_rule_for(entry, rules)) return "";
  std::string_view above = entry.domain;
  for (auto dot = above.find('.'); dot != above.npos; dot = above.find('.')) {
    above.remove_prefix(dot + 1);
    // A listed domain without a rule has an exception itself if it needs one. That exception also covers this
    // domain.
    if (const auto listed = find(above)) return access_rule_for(*listed, rules) ? above : "";
  }
  return "";
}

std::string access_head(std::span<const Source> sources) {
  std::string text =
      "# TLS rules for Sendmail's access map (FEATURE(`access_db')), made by "
      "starttls-listtool ";
  text.append(version()) += ".\n# Do not edit: the next run replaces this file.\n";
  for (const Source& source : sources) text += about(source.facts);
  return text.append(caveats);
}

Written append_access_line(std::string& out, const preload::Entry& entry, const Rules& rules,
                           const Find& find) {
  if (const auto rule = access_rule_for(entry, rules)) {
    fmt::format_to(std::back_inserter(out), "TLS_Rcpt:{}\t{}\n", entry.domain, *rule);
    return Written::enforced;
  }
  append_comment(out, entry, rules);
  if (const auto above = covering_domain(entry, rules, find); !above.empty()) {
    fmt::format_to(std::back_inserter(out), "# so that the rule for {} does not cover it:\nTLS_Rcpt:{}\tOK\n",
                   above, entry.domain);
  }
  return is_enforced(entry, rules) ? Written::left_out : Written::commented;
}

}  // namespace starttls::listtool::sendmail
