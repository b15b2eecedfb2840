#include "report/publication_changes.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace starttls::report {
namespace {

struct Words {
  std::string_view what;
  std::string_view means;
};

Words publication_texts(std::string_view kind) {
  if (kind == tlsrpt_record) {
    return {.what = "TLSRPT record (_smtp._tls)",
            .means = "Nobody sends reports about this domain without it."};
  }
  if (kind == mta_sts_record) {
    return {.what = "MTA-STS record (_mta-sts)",
            .means =
                "Senders that do not know the policy yet do not look for it; the others go by it until it "
                "expires."};
  }
  return {.what = "MTA-STS policy",
          .means =
              "Senders go by the policy that they know until it expires, and report sts-policy-fetch-error."};
}

}  // namespace

PublicationChanges compare(const std::vector<tlsrptdb::Publication>& known,
                           const std::vector<PublicationLookup>& looked_up, Time now) {
  PublicationChanges changes;
  for (const PublicationLookup& one : looked_up) {
    if (one.presence == Presence::unknown) continue;
    const auto before = std::ranges::find_if(known, [&](const tlsrptdb::Publication& publication) {
      return publication.policy_domain == one.policy_domain && publication.kind == one.kind;
    });
    if (one.presence == Presence::present) {
      changes.to_keep.push_back(
          {.policy_domain = one.policy_domain, .kind = one.kind, .seen = now, .missed = std::nullopt});
      continue;
    }
    if (before == known.end()) continue;
    tlsrptdb::Publication missed = *before;
    if (!missed.missed) missed.missed = now;
    if (now - *missed.missed > max_missed) {
      changes.to_forget.push_back(std::move(missed));
      continue;
    }
    changes.to_keep.push_back(missed);
    changes.gone.push_back({.publication = std::move(missed), .reason = one.reason});
  }
  return changes;
}

std::string description(const MissingPublication& gone) {
  const Words words = publication_texts(gone.publication.kind);
  return fmt::format("{}: its {} is gone, which was last seen on {}: {}. {}",
                     printable(gone.publication.policy_domain, 200), words.what,
                     to_string(to_day(gone.publication.seen)), printable(gone.reason, 300), words.means);
}

}  // namespace starttls::report
