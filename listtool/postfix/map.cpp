#include "listtool/postfix/map.h"

#include <charconv>
#include <vector>

#include "base/text.h"
#include "listtool/map_head.h"
#include "listtool/sources.h"

namespace starttls::listtool::postfix {
namespace {

constexpr std::string_view release_name = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";

constexpr Version oldest{.major = 2, .minor = 3};  // security level "secure"
constexpr Version has_servername{.major = 3, .minor = 4};
constexpr Version has_protocol_range{.major = 3, .minor = 6};
constexpr Version has_tlsrpt{.major = 3, .minor = 10};

bool take_number(std::string_view& text, unsigned& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

bool take_dot_and_number(std::string_view& text, unsigned& number) {
  if (!text.starts_with('.')) return false;
  text.remove_prefix(1);
  return take_number(text, number);
}

// "-20241126" or "-RC1", as snapshots and candidates have it.
bool is_release_name(std::string_view text) {
  return text.size() > 1 && text.front() == '-' && text.find_first_not_of(release_name, 1) == text.npos;
}

// What Postfix says about the policy in its TLS reports (TLSRPT_README). With 3.10.5 it also compares the
// name of the MX host itself, which it never did before, so here a suffix is one label, written as MTA-STS
// has it.
void append_tlsrpt(std::string& text, const preload::Entry& entry) {
  text.append(" policy_type=sts policy_domain=").append(entry.domain);
  for (const std::string_view mx : preload::mxs_of(entry)) {
    text.append(" mx_host_pattern=").append(mx.starts_with('.') ? "*" : "").append(mx);
  }
}

}  // namespace

Result<Version> parse_version(std::string_view text) {
  Version version;
  unsigned patch = 0;
  std::string_view rest = text;
  const bool sound = take_number(rest, version.major) && take_dot_and_number(rest, version.minor) &&
                     (!rest.starts_with('.') || take_dot_and_number(rest, patch)) &&
                     (rest.empty() || is_release_name(rest));
  if (!sound)
    return fail(Fault::usage, "'{}' is no Postfix version such as 3.7 or 3.7.11", printable(text, 100));
  if (version < oldest) {
    return fail(Fault::usage, "Postfix {} has no TLS policies; {}.{} is the first that has",
                printable(text, 100), oldest.major, oldest.minor);
  }
  return version;
}

bool append_policy(std::string& text, const preload::Entry& entry, const Rules& rules) {
  const bool enforced =
      entry.mode == preload::Mode::enforce || (entry.mode == preload::Mode::testing && rules.early_adopter);
  // An empty match= would defer all mail to the domain.
  if (!enforced || entry.joined_mxs.empty()) return false;
  text.append("secure match=").append(entry.joined_mxs);
  if (rules.version.value_or(has_servername) >= has_servername) text += " servername=hostname";
  if (!rules.version) return true;
  if (*rules.version >= has_protocol_range) text += " protocols=>=TLSv1.2";
  if (*rules.version >= has_tlsrpt) append_tlsrpt(text, entry);
  return true;
}

std::optional<std::string> policy_for(const preload::Entry& entry, const Rules& rules) {
  std::string policy;
  return append_policy(policy, entry, rules) ? std::optional(std::move(policy)) : std::nullopt;
}

std::optional<std::string> policy_for(std::string_view domain, const policy::Answer& answer,
                                      std::optional<Version> version) {
  if (answer.mode == policy::Mode::dane || answer.mode == policy::Mode::dane_where_bound) {
    return std::string(policy::to_text(answer.mode));
  }
  if (!answer.enforced) return std::nullopt;
  return policy_for({.domain = domain, .mode = preload::Mode::enforce, .joined_mxs = answer.joined_mxs},
                    {.version = version});
}

void write_text_map(std::span<const Source> sources, const Rules& rules, BufferedWriter& out) {
  out.append("# TLS policies for Postfix (smtp_tls_policy_maps), made by starttls-listtool " STARTTLS_VERSION
             ".\n# Do not edit: the next run replaces this file.\n");
  for (const Source& source : sources) out.append(about(source.facts));
  std::size_t enforced = 0;   // domains that Postfix is told about
  std::size_t commented = 0;  // and those it is not
  std::string line;
  each_policy(sources, [&](const preload::Entry& entry, std::size_t) {
    line.assign(entry.domain).append(" ");
    if (append_policy(line, entry, rules)) {
      ++enforced;
    } else {
      line.assign("# ").append(entry.domain).append(" ").append(preload::to_text(entry.mode));
      if (!entry.joined_mxs.empty()) line.append(" match=").append(entry.joined_mxs);
      ++commented;
    }
    out.append(line += '\n');
  });
  out.append(fmt::format("# End: {} enforced{}, {} only in comments.\n", enforced,
                         rules.early_adopter ? " (testing counts as enforce)" : "", commented));
}

}  // namespace starttls::listtool::postfix
