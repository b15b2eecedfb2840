// The pages beside the list in the public directory (lib/listingpages).
#pragma once

#include <filesystem>

#include "base/result.h"
#include "listingdb/listing_db.h"
#include "listtool/publish/key_files.h"
#include "listtool/publish/publisher.h"

namespace starttls::listtool::publish {

// Writes them into the directory of an edition.
Result<void> write_pages(Publisher& publisher, const KeyVersions& keys, const listingdb::KeptEdition& edition,
                         const std::filesystem::path& directory);

}  // namespace starttls::listtool::publish
