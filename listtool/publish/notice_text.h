// What the mail to the owner of a domain that has begun to fail says. Pure.
#pragma once

#include <string>

#include "listing/entry.h"
#include "listingdb/listing_db.h"
#include "listtool/configuration.h"

namespace starttls::listtool::publish {

struct NoticeText {
  std::string subject;
  std::string body;
};

// `reason` of the failure: what was found, or that there is no consent any more.
NoticeText notice_text(const listingdb::Notice& notice, listing::Reason reason,
                       const PublishSettings& settings);

}  // namespace starttls::listtool::publish
