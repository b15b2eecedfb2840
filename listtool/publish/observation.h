// What an examination says of a domain that is on its way onto a list, or on it. Pure.
//
//     DomainFacts, _starttls-list.DOMAIN -> observation_of() -> listing::observe()
//
// Sound is a domain to which a sender that follows its entry delivers. To come onto the list, no server may have a
// fault either: who is on it stays there as long as mail arrives.
//
// Who answers for a zone without DNSSEC could take a domain off the list by foreign MX records. So such records count for
// nothing as long as the owner's policy is valid and its host cannot be asked.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dns/answer.h"
#include "examination/facts.h"
#include "listing/entry.h"
#include "listingdb/listing_db.h"

namespace starttls::listtool::publish {

// The name of the TXT records with which a domain consents: "v=starttls-list1; list=NAME", one for each list.
inline constexpr std::string_view consent_label = "_starttls-list.";

struct Observed {
  listing::Observation observation;
  std::optional<Time> policy_until;  // KeptEntry::policy_until from now on
  std::string contact;  // the address of the first mailto: of its TLSRPT record, else that of its postmaster
};

// `record`: the TXT records of consent_label and the domain; `list`: the name of the list.
Observed observation_of(const listingdb::KeptEntry& before, const examination::DomainFacts& facts,
                        const dns::Answer& record, std::string_view list);

}  // namespace starttls::listtool::publish
