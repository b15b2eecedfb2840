#include "listtool/sendmail/map.h"

#include "base/version.h"
#include "listtool/map_comment.h"
#include "listtool/sendmail/mc.h"
#include "listtool/sources.h"

namespace starttls::listtool::sendmail {
namespace {

// "/etc/mail/starttls" is the text and, with ".db", the map. Sendmail's own maps have such names, too.
std::string instructions(const std::filesystem::path& path) {
  const auto lines = mc_lines(path, MapType::hash);
  if (!lines) return "# What the .mc file needs: see starttls-listtool-generate(1).\n";
  return fmt::format("# Make the map:      makemap hash {0} < {0}\n# In the .mc file:\n{1}# {2}\n",
                     path.string(), commented(*lines), needs_cas);
}

}  // namespace

bool is_enforced(const preload::Entry& entry, const Rules& rules) {
  // Without match=, Sendmail allows every MX host.
  if (entry.joined_mxs.empty()) return false;
  return entry.mode == preload::Mode::enforce ||
         (entry.mode == preload::Mode::testing && rules.early_adopter);
}

std::optional<std::string> policy_for(const preload::Entry& entry, const Rules& rules) {
  if (!is_enforced(entry, rules) || entry.joined_mxs.size() > max_match_length) return std::nullopt;
  return fmt::format("secure match={} servername=hostname", entry.joined_mxs);
}

std::optional<std::string> policy_for(std::string_view domain, const policy::Decision& answer) {
  if (!answer.enforced) return std::nullopt;
  return policy_for({.domain = domain, .mode = preload::Mode::enforce, .joined_mxs = answer.joined_mxs}, {});
}

std::string head(std::span<const Source> sources, const std::filesystem::path& path) {
  std::string text = "# TLS policies for Sendmail (FEATURE(`sts')), made by starttls-listtool ";
  text.append(version()) += ".\n# Do not edit: the next run replaces this file.\n";
  for (const Source& source : sources) text += about(source.facts);
  return text + instructions(path);
}

Written append_line(std::string& out, const preload::Entry& entry, const Rules& rules) {
  if (const auto policy = policy_for(entry, rules)) {
    out.append(entry.domain).append("\t").append(*policy).append("\n");
    return Written::enforced;
  }
  if (is_enforced(entry, rules)) {
    fmt::format_to(std::back_inserter(out),
                   "# {} NOT ENFORCED: its MX patterns take {} bytes, and Sendmail compares {} at most\n",
                   entry.domain, entry.joined_mxs.size(), max_match_length);
    return Written::left_out;
  }
  out.append("# ").append(entry.domain).append(" ").append(preload::to_string(entry.mode));
  if (!entry.joined_mxs.empty() && entry.joined_mxs.size() <= max_match_length) {
    out.append(" match=").append(entry.joined_mxs);
  }
  out.append("\n");
  return Written::commented;
}

void Tally::count(Written written) {
  switch (written) {
    case Written::enforced:
      ++enforced;
      break;
    case Written::commented:
      ++commented;
      break;
    case Written::left_out:
      ++left_out;
      break;
  }
}

std::string end(const Tally& tally, const Rules& rules) {
  const std::string left_out =
      tally.left_out == 0 ? "" : fmt::format(", {} NOT ENFORCED though a list demands it", tally.left_out);
  return fmt::format("# End: {} enforced{}, {} only in comments{}.\n", tally.enforced,
                     rules.early_adopter ? " (testing counts as enforce)" : "", tally.commented, left_out);
}

}  // namespace starttls::listtool::sendmail
