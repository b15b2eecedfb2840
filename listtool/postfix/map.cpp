#include "listtool/postfix/map.h"

#include <algorithm>
#include <vector>

#include "base/text.h"
#include "base/version.h"
#include "listtool/map_comment.h"
#include "listtool/sources.h"

namespace starttls::listtool::postfix {
namespace {

constexpr Version has_servername{.major = 3, .minor = 4};
constexpr Version has_protocol_range{.major = 3, .minor = 6};

// TLSRPT_README, "MTA-STS Support via smtp_tls_policy_maps". The strings contain no braces.
void append_tlsrpt(std::string& text, std::string_view domain, const mtasts::Policy& policy) {
  text.append(" policy_type=sts policy_domain=").append(domain);
  for (const std::string& line : mtasts::policy_strings(policy)) {
    text.append(" { policy_string = ").append(line).append(" }");
  }
  // All patterns: Postfix 3.10.5 and later delivers to no other MX host.
  for (const mtasts::MxPattern& mx : policy.mx) text.append(" mx_host_pattern=").append(mx.str());
}

// "secure match=...", if there is a pattern: an empty match= would defer all mail to the domain.
bool append_secure(std::string& text, std::string_view joined_mxs, const std::optional<Version>& version) {
  if (joined_mxs.empty()) return false;
  text.append("secure match=").append(joined_mxs);
  if (version.value_or(has_servername) >= has_servername) text += " servername=hostname";
  if (version && *version >= has_protocol_range) text += " protocols=>=TLSv1.2";
  return true;
}

bool is_enforced(const preload::Entry& entry, const Rules& rules) {
  return entry.mode == preload::Mode::enforce ||
         (entry.mode == preload::Mode::testing && rules.early_adopter);
}

// A suffix matches one more label only, as in MTA-STS and the list format.
bool allows(std::string_view pattern, std::string_view host) {
  if (!pattern.starts_with('.')) return pattern == host;
  const auto dot = host.find('.');
  return dot != host.npos && host.substr(dot) == pattern;
}

std::string_view names_for(const NextHop& next_hop, const preload::Entry& entry) {
  const std::string& host = next_hop.domain().str();
  const bool is_allowed = next_hop.is_host() && std::ranges::any_of(preload::split_mxs(entry.joined_mxs),
                                                                    [&](std::string_view pattern) {
                                                                      return allows(pattern, host);
                                                                    });
  return is_allowed ? std::string_view(host) : entry.joined_mxs;
}

const mtasts::Policy* reported(const Source& source, std::string_view domain, const Rules& rules) {
  if (!rules.version || *rules.version < first_with_tlsrpt) return nullptr;
  const auto found = source.mta_sts.find(domain);
  return found == source.mta_sts.end() ? nullptr : &found->second;
}

// False if the map has no policy for this key.
bool append_line(std::string& text, const NextHop* next_hop, const preload::Entry& entry,
                 const Source& source, const Rules& rules) {
  if (!is_enforced(entry, rules)) return false;
  const auto names = next_hop == nullptr ? entry.joined_mxs : names_for(*next_hop, entry);
  if (!append_secure(text, names, rules.version)) return false;
  if (const auto* const policy = reported(source, entry.domain, rules))
    append_tlsrpt(text, entry.domain, *policy);
  return true;
}

// The next-hops that need a key of their own, in the order of the keys.
std::vector<const NextHop*> next_hop_keys(const Rules& rules) {
  std::vector<const NextHop*> keys;
  for (const NextHop& next_hop : rules.next_hops) {
    if (!next_hop.is_domain()) keys.push_back(&next_hop);
  }
  std::ranges::sort(keys, {}, [](const NextHop* key) -> const std::string& { return key->str(); });
  const auto same =
      std::ranges::unique(keys, {}, [](const NextHop* key) -> const std::string& { return key->str(); });
  keys.erase(same.begin(), same.end());
  return keys;
}

}  // namespace

std::optional<std::string> policy_for(const preload::Entry& entry, const Rules& rules) {
  std::string policy;
  const bool is_told = is_enforced(entry, rules) && append_secure(policy, entry.joined_mxs, rules.version);
  return is_told ? std::optional(std::move(policy)) : std::nullopt;
}

std::optional<std::string> policy_for(const NextHop& next_hop, const policy::Decision& answer,
                                      const mtasts::Policy* mta_sts, std::optional<Version> version) {
  if (answer.mode == policy::Mode::mandatory_dane || answer.mode == policy::Mode::opportunistic_dane) {
    return std::string(policy::to_string(answer.mode));
  }
  if (!answer.enforced) return std::nullopt;
  const std::string& domain = next_hop.domain().str();
  const preload::Entry entry{
      .domain = domain, .mode = preload::Mode::enforce, .joined_mxs = answer.joined_mxs};
  std::string text;
  if (!append_secure(text, names_for(next_hop, entry), version)) return std::nullopt;
  const bool is_reported = version && *version >= first_with_tlsrpt && mta_sts != nullptr;
  if (is_reported && answer.source == policy::Source::mta_sts) append_tlsrpt(text, domain, *mta_sts);
  return text;
}

void for_each_line(std::span<const Source> sources, const Rules& rules, const Line& line,
                   const std::function<void(const preload::Entry&)>& rest) {
  const auto keys = next_hop_keys(rules);
  auto next = keys.begin();
  std::string policy;
  const auto keys_before = [&](std::optional<std::string_view> domain) {
    for (; next != keys.end() && (!domain || (*next)->str() < *domain); ++next) {
      const auto found = find_policy(sources, (*next)->domain().str());
      policy.clear();
      if (found && append_line(policy, *next, found->entry, sources[found->source], rules))
        line((*next)->str(), policy);
    }
  };
  for_each_policy(sources, [&](const preload::Entry& entry, std::size_t source) {
    keys_before(entry.domain);
    policy.clear();
    append_line(policy, nullptr, entry, sources[source], rules) ? line(entry.domain, policy) : rest(entry);
  });
  keys_before(std::nullopt);
}

void write_text_map(std::span<const Source> sources, const Rules& rules, BufferedWriter& out) {
  out.append("# TLS policies for Postfix (smtp_tls_policy_maps), made by starttls-listtool ");
  out.append(version());
  out.append(".\n# Do not edit: the next run replaces this file.\n");
  for (const Source& source : sources) out.append(about(source.facts));
  std::size_t enforced = 0;   // keys with a policy
  std::size_t commented = 0;  // domains without a policy, in comments
  std::string text;
  for_each_line(
      sources, rules,
      [&](std::string_view key, std::string_view policy) {
        ++enforced;
        out.append(text.assign(key).append(" ").append(policy).append("\n"));
      },
      [&](const preload::Entry& entry) {
        ++commented;
        text.assign("# ").append(entry.domain).append(" ").append(preload::to_string(entry.mode));
        if (!entry.joined_mxs.empty()) text.append(" match=").append(entry.joined_mxs);
        out.append(text.append("\n"));
      });
  out.append(fmt::format("# End: {} enforced{}, {} only in comments.\n", enforced,
                         rules.early_adopter ? " (testing counts as enforce)" : "", commented));
}

}  // namespace starttls::listtool::postfix
