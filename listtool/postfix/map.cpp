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

bool take_number(std::string_view& text, unsigned& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

struct Lines {
  std::string text;
  std::size_t enforced = 0;   // domains that Postfix is told about
  std::size_t commented = 0;  // and those it is not
};

void add_line(Lines& lines, const preload::Entry& entry, const Rules& rules) {
  if (const auto policy = policy_for(entry, rules)) {
    lines.text.append(entry.domain).append(" ").append(*policy).append("\n");
    ++lines.enforced;
    return;
  }
  lines.text.append("# ").append(entry.domain).append(" ").append(preload::to_text(entry.mode));
  if (!entry.joined_mxs.empty()) lines.text.append(" match=").append(entry.joined_mxs);
  lines.text.append("\n");
  ++lines.commented;
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

std::optional<std::string> policy_for(const preload::Entry& entry, const Rules& rules) {
  const bool enforced =
      entry.mode == preload::Mode::enforce || (entry.mode == preload::Mode::testing && rules.early_adopter);
  // An empty match= would defer all mail to the domain.
  if (!enforced || entry.joined_mxs.empty()) return std::nullopt;
  std::string policy = "secure match=";
  policy += entry.joined_mxs;
  if (rules.version.value_or(has_servername) >= has_servername) policy += " servername=hostname";
  if (rules.version && *rules.version >= has_protocol_range) policy += " protocols=>=TLSv1.2";
  return policy;
}

std::string text_map(std::span<const Source> sources, const Rules& rules) {
  std::vector<const preload::List*> lists;
  lists.reserve(sources.size());
  const preload::List nothing;
  for (const Source& source : sources) lists.push_back(source.expired ? &nothing : &source.list);
  Lines lines{
      .text = "# TLS policies for Postfix (smtp_tls_policy_maps), made by starttls-listtool " STARTTLS_VERSION
              ".\n# Do not edit: the next run replaces this file.\n"};
  for (const Source& source : sources) lines.text += about(source);
  for (const preload::Chosen& chosen : preload::overlay(lists)) {
    add_line(lines, (*lists[chosen.list])[chosen.entry], rules);
  }
  lines.text += fmt::format("# End: {} enforced{}, {} only in comments.\n", lines.enforced,
                            rules.early_adopter ? " (testing counts as enforce)" : "", lines.commented);
  return std::move(lines.text);
}

}  // namespace starttls::listtool::postfix
