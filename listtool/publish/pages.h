// The pages beside the list in the public directory (lib/listingpages).
#pragma once

#include <filesystem>

#include "base/result.h"
#include "listingdb/listing_db.h"
#include "listtool/publish/key_files.h"
#include "listtool/publish/publisher.h"

namespace starttls::listtool::publish {

// Writes them into the new directory of an edition; they are not on the disk before its file system is synced.
Result<void> write_pages(Publisher& publisher, const KeyVersions& keys, const listingdb::KeptEdition& edition,
                         const std::filesystem::path& directory);

}  // namespace starttls::listtool::publish
