// States, reasons and consents in words, for people who do not know ours.
#pragma once

#include <string>
#include <string_view>

#include "listing/entry.h"

namespace starttls::listingpages {

// A sentence about a domain in this state.
std::string_view meaning(listing::State state);

// Why the state has changed, a clause whose "it" is the domain: "its owner has taken the consent back".
std::string_view clause(listing::Reason reason);

// "MTA-STS policy", "TXT record"; of none "-".
std::string_view shown(listing::Consent consent);

// "watched -> listed"; "listed" where it stays.
std::string change(const listing::Transition& transition);

// printable(), and at most max_shown_evidence bytes.
std::string shown_evidence(const listing::Transition& transition);

}  // namespace starttls::listingpages
