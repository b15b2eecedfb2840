// The meaning of answers of the DNS and of policy hosts, for MTA-STS.
#pragma once

#include <string>
#include <string_view>

#include "dns/resolver.h"
#include "http/fetcher.h"
#include "mtasts/policy_state.h"

namespace starttls::discovery {

struct RecordAnswer {
  mtasts::RecordState state;
  std::string reason;  // where there is no record, a sentence
};

// Classifies the TXT records of _mta-sts.DOMAIN. A failed lookup is unknown. A record that is invalid or not
// the only one means that there is none (RFC 8461 section 3.1).
RecordAnswer classify_record(const dns::Answer& answer);

// Whether a page of this Content-Type may be a policy.
//
// RFC 8461 section 3.2 demands text/plain, and section 3.3 that the sender checks it, because on some
// servers others may publish HTML or images at a path of their choice. text/plain is accepted with any
// parameters, and other types are not: captive portals and error pages have them. No type, and
// application/octet-stream, are accepted: servers use them for files of unknown type, no browser shows
// them, and the text must still be a whole policy.
bool is_type_of_policy(std::string_view content_type);

// The result of a fetch, by the result types of RFC 8460 section 4.3.2: webpki_invalid for the certificate;
// fetch_error where nothing could be retrieved, also for a redirect, an error page and a page without an end;
// invalid where the page has another type, or is no policy.
mtasts::FetchOutcome classify_fetch(const http::Page& page);

}  // namespace starttls::discovery
