// Makes an edition of the list: writes it, has minisign(1) sign it, takes it as a consumer would, and only then shows it.
//
//     state -> editions/N/NAME.json -> signatures -> read_verified(), maps -> state knows edition N -> public -> editions/N
//
// A process may be killed at any moment: an edition that the state does not know is made again, and one that it knows is
// whole, so the link can always be set to it.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "listing/edition.h"
#include "listingdb/listing_db.h"
#include "listtool/publish/key_files.h"
#include "listtool/publish/publisher.h"

namespace starttls::listtool::publish {

struct EditionPlan {
  listingdb::Content content = listingdb::Content::on_list;
  std::string note;  // of a rollback
};

// The newest edition from now on; `difference` is that to the one before. Fault::config where no key of [publish] may
// sign, Fault::unavailable where minisign is missing, Fault::data where a consumer would refuse the edition; then the one
// before it stays.
Result<listingdb::KeptEdition> make_edition(Publisher& publisher, const KeyVersions& keys,
                                            const EditionPlan& plan, const listing::Difference& difference);

// Sets the link to the newest edition that the state knows, where it is another one.
Result<void> show_newest(Publisher& publisher);

// Reads an edition that is kept, as a consumer would. Fault::data, Fault::io.
Result<void> pin_edition(Publisher& publisher, const KeyVersions& keys, std::uint64_t number);

}  // namespace starttls::listtool::publish
