// PostgreSQL, as far as the project needs it: owned connections, parameters and results as text, errors as
// values. Nothing outside this component includes libpq.
//
// An error names the database and has the server's own message. No error has a password. Fault::temporary: no
// server answers, the connection was lost, a limit of time has passed, others hold a lock or were faster, the
// server starts, stops or is full of connections; Fault::permission; Fault::io: the server's disk is full or
// fails; Fault::data: the tables are not those that the statement asks for, or are damaged; Fault::config: no
// good URL, or there is no such database; else Fault::unavailable.
//
// Nothing waits longer than the Limits, even if the server hangs or the network is silent. The exception is
// the system's resolver if the URL has a host name.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

struct pg_conn;
struct pg_result;

namespace starttls::postgres {

// Whether PostgreSQL's own programs would take it for a URL: "postgresql://" or "postgres://". libpq's
// manual, section "Connection Strings", describes what may follow.
bool is_url(std::string_view text);

// Whether a password is written in the URL.
bool has_password(const std::string& url);

// A server on another host must prove its name with a certificate, unless the URL, PGSSLMODE or a service
// file sets something else ("sslmode" of libpq): Connection::open() asks for verify-full there. On a unix
// socket, 127.0.0.0/8, ::1 and "localhost" it asks for less. Returns sentences for the log if a setting asks
// for less than that; none if the URL is invalid.
std::vector<std::string> security_warnings(const std::string& url);

struct Limits {
  // For each host of the URL; connect_timeout in the URL comes first.
  std::chrono::milliseconds connect{5000};
  // For each statement. The server ends it at this time. If it is silent for two more seconds, the connection
  // is closed.
  std::chrono::milliseconds statement{30000};
};

// One parameter that is many values, for unnest($1::text[]) and the like.
class Array {
 public:
  void add(std::string_view text);
  void add(std::int64_t number);
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }             // values
  std::size_t bytes() const { return literal_.size(); }  // as they are sent
  void clear();

 private:
  friend class Parameters;
  std::string literal_ = "{";
  std::size_t size_ = 0;
};

// The values of $1, $2 and so on. Texts must be valid UTF-8; a NUL, which PostgreSQL cannot hold, becomes
// U+FFFD.
class Parameters {
 public:
  Parameters& add(std::string_view text);
  Parameters& add(std::int64_t number);
  Parameters& add(const Array& array);

 private:
  friend class Connection;
  std::vector<std::string> values_;
};

// A row of a result; columns are counted from 0. Must not be kept.
class Row {
 public:
  bool is_null(int column) const;
  std::string_view text(int column) const;  // "" for NULL
  std::int64_t number(int column) const;    // 0 for NULL and for what is no whole number

 private:
  friend class Connection;
  Row(const pg_result* result, int row) : result_(result), row_(row) {}
  const pg_result* result_;
  int row_;
};

using RowSink = std::function<Result<void>(const Row&)>;

// May be used by any thread, one at a time.
class Connection {
 public:
  // The URL's hosts are tried in their order.
  static Result<Connection> open(const std::string& url, Limits limits = {});

  // One or more statements without parameters.
  Result<void> execute(const std::string& sql);
  // One statement. Returns how many rows it has inserted, updated or deleted.
  Result<std::int64_t> execute(const std::string& sql, const Parameters& parameters);
  // One statement. Passes the rows to the sink one by one as the server sends them, so that none stays in
  // memory. The sink may end it with its own error, which is returned. It must not use the connection.
  Result<void> read(const std::string& sql, const Parameters& parameters, const RowSink& sink);
  // The first column of the first row; 0 where there is none.
  Result<std::int64_t> number(const std::string& sql, const Parameters& parameters = {});

  // False after the connection was lost or closed: every later statement fails.
  bool is_alive() const;
  // "DATABASE at HOST", for messages; safe to be shown.
  const std::string& name() const { return name_; }

 private:
  friend class Transaction;
  struct Close {
    void operator()(pg_conn* handle) const;
  };
  using Handle = std::unique_ptr<pg_conn, Close>;
  using Deadline = std::chrono::steady_clock::time_point;

  Connection(Handle handle, std::string name, Limits limits);
  Result<void> prepare_session();
  Result<std::int64_t> run(const std::string& sql, const Parameters* parameters, const RowSink& sink);
  Result<void> send(const std::string& sql, const Parameters* parameters, bool streaming, Deadline deadline);
  Result<std::int64_t> receive(const RowSink& sink, Deadline deadline);
  Result<void> await(short events, Deadline deadline);
  std::unexpected<Error> make_error(const pg_result* result) const;
  std::unexpected<Error> lost();
  std::unexpected<Error> give_up();

  Handle handle_;  // none: given up
  std::string name_;
  Limits limits_;
};

// Rolls back unless it was committed. If commit() fails because the connection was lost, the server may have
// committed or not: only the tables show it later.
class Transaction {
 public:
  // `modes`: as in BEGIN, e.g. "ISOLATION LEVEL REPEATABLE READ, READ ONLY", or "".
  static Result<Transaction> begin(Connection& connection, const std::string& modes = "");
  Transaction(Transaction&& other) noexcept
      : connection_(std::exchange(other.connection_, nullptr)), limit_before_(other.limit_before_) {}
  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  // Makes commit() wait until the transaction is on the server's disk, also where synchronous_commit is off. Stronger
  // settings are not changed. For this transaction only: behind a pooler such as pgbouncer, the next one may have another
  // session.
  Result<void> demand_sync();
  // Replaces Limits::statement for the statements of this transaction.
  Result<void> set_statement_limit(std::chrono::milliseconds limit);
  Result<void> commit();

 private:
  explicit Transaction(Connection& connection)
      : connection_(&connection), limit_before_(connection.limits_.statement) {}
  Connection* connection_;
  std::chrono::milliseconds limit_before_;
};

}  // namespace starttls::postgres
