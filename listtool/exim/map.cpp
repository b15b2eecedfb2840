#include "listtool/exim/map.h"

#include <utility>

#include "base/version.h"
#include "listtool/map_comment.h"
#include "listtool/sources.h"

namespace starttls::listtool::exim {
namespace {

bool is_enforced(const preload::Entry& entry, const Rules& rules) {
  return entry.mode == preload::Mode::enforce ||
         (entry.mode == preload::Mode::testing && rules.early_adopter);
}

std::optional<std::string> secure(std::string_view joined_mxs) {
  if (joined_mxs.empty()) return std::nullopt;
  return fmt::format("secure match={}", joined_mxs);
}

}  // namespace

std::optional<std::string> policy_for(const preload::Entry& entry, const Rules& rules) {
  return is_enforced(entry, rules) ? secure(entry.joined_mxs) : std::nullopt;
}

std::optional<std::string> policy_for(const policy::Decision& decision) {
  if (decision.mode == policy::Mode::mandatory_dane || decision.mode == policy::Mode::opportunistic_dane)
    return std::string(policy::to_string(decision.mode));
  return decision.enforced ? secure(decision.joined_mxs) : std::nullopt;
}

void for_each_line(std::span<const Source> sources, const Rules& rules,
                   const std::function<void(std::string_view domain, std::string_view policy)>& line,
                   const std::function<void(const preload::Entry&)>& rest) {
  for_each_policy(sources, [&](const preload::Entry& entry, std::size_t) {
    const auto policy = policy_for(entry, rules);
    policy ? line(entry.domain, *policy) : rest(entry);
  });
}

void write_text_map(std::span<const Source> sources, const Rules& rules, BufferedWriter& out) {
  out.append("# TLS policies for Exim (lsearch), made by starttls-listtool ");
  out.append(version());
  out.append(".\n# Do not edit: the next run replaces this file.\n");
  for (const Source& source : sources) out.append(about(source.facts));
  std::size_t enforced = 0;
  std::size_t commented = 0;  // domains without a policy, in comments
  for_each_line(
      sources, rules,
      [&](std::string_view domain, std::string_view policy) {
        ++enforced;
        out.append(fmt::format("{}: {}\n", domain, policy));
      },
      [&](const preload::Entry& entry) {
        ++commented;
        const std::string_view match = entry.joined_mxs.empty() ? "" : " match=";
        out.append(fmt::format("# {} {}{}{}\n", entry.domain, preload::to_string(entry.mode), match,
                               entry.joined_mxs));
      });
  out.append(fmt::format("# End: {} enforced{}, {} only in comments.\n", enforced,
                         rules.early_adopter ? " (testing counts as enforce)" : "", commented));
}

}  // namespace starttls::listtool::exim
