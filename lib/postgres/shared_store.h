// The connection to a store that several hosts write: each of them, a writer, has a row there, which its transactions
// lock. If a connection is lost during a transaction that the server still executes, the next one waits for it.
#pragma once

#include <string>
#include <utility>

#include "base/result.h"
#include "postgres/postgres.h"
#include "postgres/schema.h"

namespace starttls::postgres {

struct SharedStoreKind {
  const Schema* schema = nullptr;
  const char* add_writer = "";  // adds the row of the writer $1, unless it is there
  // Returns the version of the schema, in its first column, and locks both: FOR SHARE the schema's, FOR UPDATE the
  // writer's.
  const char* lock_writer = "";
};

class SharedStore {
 public:
  // `kind` must outlive this object. With the id of a writer: creates the tables where they are missing, upgrades older
  // ones, and adds its row. With "", for programs that read much at once: the tables must be there. Errors as of
  // prepare() and check().
  static Result<SharedStore> open(const std::string& url, const std::string& writer,
                                  const SharedStoreKind& kind);

  // Stays the same object. Its statements fail after it was lost, until begin_writing() connects again.
  Connection& connection() { return connection_; }
  const std::string& writer() const { return writer_; }

  // Begins a transaction of the writer; commit() waits until it is on the server's disk. Passes the row of
  // `lock_writer` to `take`. Connects again if the connection was lost since the last time. Fault::data after another
  // host has upgraded the tables.
  Result<Transaction> begin_writing(const RowSink& take = {});

 private:
  SharedStore(Connection connection, std::string url, std::string writer, const SharedStoreKind& kind)
      : connection_(std::move(connection)), url_(std::move(url)), writer_(std::move(writer)), kind_(&kind) {}

  Result<Transaction> try_begin(const RowSink& take);

  Connection connection_;
  std::string url_;
  std::string writer_;
  const SharedStoreKind* kind_;
};

}  // namespace starttls::postgres
