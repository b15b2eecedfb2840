// The file in which reports are kept, those received and those to be sent. Inside this room.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "sqlite/sqlite.h"
#include "store/store.h"

namespace starttls::tlsrptdb {

// Access::read of a file that is not there gives an empty database. Errors as of open_sqlite_store().
Result<sqlite::Database> open_database(const std::filesystem::path& file, store::Access access);

}  // namespace starttls::tlsrptdb
