// The database file of received reports and of reports to send. Internal to this component.
#pragma once

#include <filesystem>

#include "base/result.h"
#include "sqlite/sqlite.h"
#include "store/store.h"

namespace starttls::tlsrptdb {

// Access::read of a missing file gives an empty database. Errors as of open_sqlite_store().
Result<sqlite::Database> open_database(const std::filesystem::path& file, store::Access access);

}  // namespace starttls::tlsrptdb
