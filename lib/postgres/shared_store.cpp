#include "postgres/shared_store.h"

#include <chrono>
#include <optional>
#include <utility>

#include "base/try.h"

namespace starttls::postgres {
namespace {

constexpr Limits reader_limits{.statement = std::chrono::minutes{5}};

Result<Connection> connect(const std::string& url, const std::string& writer, const SharedStoreKind& kind) {
  auto connection = TRY(Connection::open(url, writer.empty() ? reader_limits : Limits()));
  if (writer.empty()) {
    TRY(check(connection, *kind.schema));
    return connection;
  }
  TRY(prepare(connection, *kind.schema));
  TRY(connection.execute(kind.add_writer, Parameters().add(writer)));
  return connection;
}

}  // namespace

Result<SharedStore> SharedStore::open(const std::string& url, const std::string& writer,
                                      const SharedStoreKind& kind) {
  auto connection = TRY(connect(url, writer, kind));
  return SharedStore(std::move(connection), url, writer, kind);
}

Result<Transaction> SharedStore::begin_writing(const RowSink& take) {
  auto begun = try_begin(take);
  if (begun || connection_.is_alive()) return begun;
  // The server was restarted since the last time, or something on the network dropped the connection.
  auto again = TRY(connect(url_, writer_, *kind_));
  connection_ = std::move(again);
  return try_begin(take);
}

Result<Transaction> SharedStore::try_begin(const RowSink& take) {
  auto transaction = TRY(Transaction::begin(connection_, "ISOLATION LEVEL READ COMMITTED"));
  std::optional<std::int64_t> version;
  TRY(connection_.read(kind_->lock_writer, Parameters().add(writer_), [&](const Row& row) {
    version = row.number(0);
    return take ? take(row) : Result<void>();
  }));
  if (version == kind_->schema->version) {
    TRY(transaction.demand_sync());
    return transaction;
  }
  // Another host has upgraded the store, or somebody has emptied its tables.
  TRY(check(connection_, *kind_->schema));
  return fail(Fault::temporary, "{}: has lost the row of this host; it is opened again", connection_.name());
}

}  // namespace starttls::postgres
