// What the answers of the DNS and of the policy host come to.
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

// Of the TXT records of _mta-sts.DOMAIN. What cannot be told now is kept apart from "no", which also a record
// means that is invalid or not the only one (RFC 8461 section 3.1).
RecordAnswer classify_record(const dns::Answer& answer);

// Whether a page of this Content-Type may be a policy.
//
// RFC 8461 section 3.2 wants text/plain, and section 3.3 has the sender check that, against servers on which
// strangers may put HTML or images at a path of their choice. So text/plain is good with whatever parameters,
// and another type is none: that is what captive portals and error pages have. None at all, and
// application/octet-stream, are what servers say that do not know the type of a file; they are good: no
// browser shows them, and the text must be a whole policy all the same.
bool is_type_of_policy(std::string_view content_type);

// What the policy host brought, in the terms of RFC 8460 section 4.3.2: webpki_invalid for its certificate;
// fetch_error where nothing could be retrieved, a redirect, an error page and an endless one among it;
// invalid where what was retrieved has another type, or is no policy.
mtasts::FetchOutcome classify_fetch(const http::Page& page);

}  // namespace starttls::discovery
