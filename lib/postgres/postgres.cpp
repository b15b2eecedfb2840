#include "postgres/postgres.h"

#include <libpq-fe.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <optional>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "postgres/error.h"
#include "postgres/url.h"

namespace starttls::postgres {
namespace {

using Steady = std::chrono::steady_clock;
using Deadline = Steady::time_point;

// Our time limit is longer than the server's by this time. So the server ends a statement that takes too
// long, and the connection stays usable.
constexpr std::chrono::milliseconds server_first{2000};

enum class Waited { ready, too_long, failed };

Waited wait_for(int socket, short events, Deadline deadline) {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Steady::now());
    if (left.count() <= 0) return Waited::too_long;
    pollfd descriptor{.fd = socket, .events = events, .revents = 0};
    const int ready = ::poll(&descriptor, 1, static_cast<int>(std::min<std::int64_t>(left.count(), 60000)));
    if (ready > 0) return Waited::ready;
    if (ready < 0 && errno != EINTR) return Waited::failed;
  }
}

constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

std::string without_nul(std::string_view text) {
  std::string result;
  for (const char c : text) {
    if (c == '\0') {
      result += replacement;
    } else {
      result += c;
    }
  }
  return result;
}

struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using OwnedResult = std::unique_ptr<PGresult, ClearResult>;

std::int64_t number_in(const char* text) {
  const std::string_view digits(text);
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() && end == digits.data() + digits.size() ? number : 0;
}

// Returns nothing if the connection is open, else the error. After a timeout the handle cannot be used any
// more.
std::optional<Error> finish_connecting(PGconn* handle, Deadline deadline) {
  auto turn = PGRES_POLLING_WRITING;
  while (PQstatus(handle) != CONNECTION_BAD && turn != PGRES_POLLING_FAILED) {
    if (turn == PGRES_POLLING_OK) return std::nullopt;
    const short events = turn == PGRES_POLLING_READING ? POLLIN : POLLOUT;
    if (wait_for(PQsocket(handle), events, deadline) != Waited::ready) {
      return Error{Fault::temporary, fmt::format("{}: no answer in time", printable(PQhost(handle)))};
    }
    turn = PQconnectPoll(handle);
  }
  const auto error = parse_connect_error(PQerrorMessage(handle));
  const bool no_password = PQconnectionNeedsPassword(handle) != 0;
  return Error{no_password ? Fault::permission : connect_fault(error), error.text};
}

// The handle, not null, and the error.
std::pair<PGconn*, std::optional<Error>> connect(const Target& target) {
  const auto deadline = Steady::now() + target.limit;
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  for (const auto& [keyword, value] : target.parameters) {
    keywords.push_back(keyword.c_str());
    values.push_back(value.c_str());
  }
  keywords.push_back(nullptr);
  values.push_back(nullptr);
  PGconn* handle = PQconnectStartParams(keywords.data(), values.data(), 0);
  if (handle == nullptr) return {handle, Error{Fault::temporary, "out of memory"}};
  PQsetErrorVerbosity(handle, PQERRORS_VERBOSE);  // the only way to get the code of a refusal
  PQsetNoticeReceiver(handle, [](void*, const PGresult*) {}, nullptr);  // libpq would write to stderr
  return {handle, finish_connecting(handle, deadline)};
}

}  // namespace

void Array::add(std::string_view text) {
  if (size_++ > 0) literal_ += ',';
  literal_ += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') literal_ += '\\';
    if (c == '\0') {
      literal_ += replacement;
    } else {
      literal_ += c;
    }
  }
  literal_ += '"';
}

void Array::add(std::int64_t number) {
  if (size_++ > 0) literal_ += ',';
  literal_ += std::to_string(number);
}

void Array::clear() {
  literal_ = "{";
  size_ = 0;
}

Parameters& Parameters::add(std::string_view text) {
  values_.push_back(without_nul(text));
  return *this;
}

Parameters& Parameters::add(std::int64_t number) {
  values_.push_back(std::to_string(number));
  return *this;
}

Parameters& Parameters::add(const Array& array) {
  values_.push_back(array.literal_ + "}");
  return *this;
}

bool Row::is_null(int column) const {
  return PQgetisnull(result_, row_, column) != 0;
}

std::string_view Row::text(int column) const {
  return {PQgetvalue(result_, row_, column), static_cast<std::size_t>(PQgetlength(result_, row_, column))};
}

std::int64_t Row::number(int column) const {
  return number_in(PQgetvalue(result_, row_, column));
}

void Connection::Close::operator()(pg_conn* handle) const {
  PQfinish(handle);
}

Connection::Connection(Handle handle, std::string name, Limits limits)
    : handle_(std::move(handle)), name_(std::move(name)), limits_(limits) {}

Result<Connection> Connection::open(const std::string& url, Limits limits) {
  const auto targets = TRY(connection_targets(url, limits));
  std::optional<Error> error;
  for (const Target& target : targets) {
    auto [raw, refused] = connect(target);
    Handle handle(raw);
    if (!refused) {
      std::string name = printable(fmt::format("{} at {}", PQdb(raw), PQhost(raw)));
      Connection connection(std::move(handle), std::move(name), limits);
      TRY(connection.prepare_session());
      return connection;
    }
    // If one of several hosts may answer later, another try makes sense.
    const bool may_pass = (error && error->fault == Fault::temporary) || refused->fault == Fault::temporary;
    error = Error{may_pass ? Fault::temporary : refused->fault,
                  error ? error->message + "; " + refused->message : "PostgreSQL: " + refused->message};
  }
  return std::unexpected(*error);
}

Result<void> Connection::prepare_session() {
  PQsetnonblocking(handle_.get(), 1);
  // The second setting: a process of ours that hangs must not keep its locks for ever.
  return execute(fmt::format("SET statement_timeout = {}; SET idle_in_transaction_session_timeout = {}",
                             limits_.statement.count(), 2 * limits_.statement.count()));
}

Result<void> Connection::execute(const std::string& sql) {
  TRY(run(sql, nullptr, nullptr));
  return {};
}

Result<std::int64_t> Connection::execute(const std::string& sql, const Parameters& parameters) {
  return run(sql, &parameters, nullptr);
}

Result<void> Connection::read(const std::string& sql, const Parameters& parameters, const RowSink& sink) {
  TRY(run(sql, &parameters, sink));
  return {};
}

Result<std::int64_t> Connection::number(const std::string& sql, const Parameters& parameters) {
  std::optional<std::int64_t> first;
  TRY(run(sql, &parameters, [&first](const Row& row) {
    if (!first) first = row.number(0);
    return Result<void>();
  }));
  return first.value_or(0);
}

bool Connection::is_alive() const {
  return handle_ && PQstatus(handle_.get()) == CONNECTION_OK;
}

Result<std::int64_t> Connection::run(const std::string& sql, const Parameters* parameters,
                                     const RowSink& sink) {
  if (!is_alive()) return fail(Fault::temporary, "{}: the connection was lost", name_);
  const auto deadline = Steady::now() + limits_.statement + server_first;
  TRY(send(sql, parameters, static_cast<bool>(sink), deadline));
  return receive(sink, deadline);
}

Result<void> Connection::send(const std::string& sql, const Parameters* parameters, bool streaming,
                              Deadline deadline) {
  int queued = 0;
  if (parameters == nullptr) {
    queued = PQsendQuery(handle_.get(), sql.c_str());
  } else {
    std::vector<const char*> values;
    values.reserve(parameters->values_.size());
    for (const std::string& value : parameters->values_) values.push_back(value.c_str());
    queued = PQsendQueryParams(handle_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                               values.data(), nullptr, nullptr, 0);
  }
  if (queued == 0) return lost();
  if (streaming) PQsetSingleRowMode(handle_.get());
  for (;;) {
    const int left = PQflush(handle_.get());
    if (left == 0) return {};
    if (left < 0) return lost();
    // A server that is sending would read no more until we read its data.
    TRY(await(POLLIN | POLLOUT, deadline));
    if (PQconsumeInput(handle_.get()) == 0) return lost();
  }
}

Result<std::int64_t> Connection::receive(const RowSink& sink, Deadline deadline) {
  std::int64_t changed = 0;
  Result<void> outcome;
  for (;;) {
    while (PQisBusy(handle_.get()) != 0) {
      TRY(await(POLLIN, deadline));
      if (PQconsumeInput(handle_.get()) != 0) continue;
      // An earlier error from the server explains more.
      const auto loss = lost();
      return outcome ? loss : std::unexpected(outcome.error());
    }
    const OwnedResult result(PQgetResult(handle_.get()));
    if (!result) break;
    switch (PQresultStatus(result.get())) {
      case PGRES_COMMAND_OK:
        changed += number_in(PQcmdTuples(result.get()));
        break;
      case PGRES_EMPTY_QUERY:
        break;
      case PGRES_SINGLE_TUPLE:
      case PGRES_TUPLES_OK:
        for (int row = 0; sink && outcome && row < PQntuples(result.get()); ++row) {
          outcome = sink(Row(result.get(), row));
        }
        break;
      case PGRES_FATAL_ERROR:
        if (outcome) outcome = make_error(result.get());
        break;
      default:  // COPY and replication, which we never request
        handle_.reset();
        return fail(Fault::internal, "{}: a statement of a kind that is not served here", name_);
    }
  }
  TRY(outcome);
  return changed;
}

Result<void> Connection::await(short events, Deadline deadline) {
  switch (wait_for(PQsocket(handle_.get()), events, deadline)) {
    case Waited::ready:
      return {};
    case Waited::too_long:
      return give_up();
    case Waited::failed:
      break;
  }
  return lost();
}

std::unexpected<Error> Connection::make_error(const PGresult* result) const {
  const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
  const char* primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  const std::string_view text = trim(primary != nullptr ? primary : PQresultErrorMessage(result));
  return fail(sqlstate_fault(sqlstate != nullptr ? sqlstate : ""), "{}: {}", name_, printable(text));
}

std::unexpected<Error> Connection::lost() {
  const std::string text = parse_connect_error(PQerrorMessage(handle_.get())).text;
  handle_.reset();
  return fail(Fault::temporary, "{}: {}", name_, text.empty() ? "the connection was lost" : text);
}

std::unexpected<Error> Connection::give_up() {
  handle_.reset();
  return fail(Fault::temporary, "{}: no answer within {} ms", name_,
              (limits_.statement + server_first).count());
}

Result<Transaction> Transaction::begin(Connection& connection, const std::string& modes) {
  TRY(connection.execute("BEGIN " + modes));
  return Transaction(connection);
}

Transaction::~Transaction() {
  if (connection_ == nullptr) return;
  connection_->limits_.statement = limit_before_;
  if (!connection_->is_alive()) return;
  // If this fails, close the connection, so that it does not stay in the transaction.
  if (!connection_->execute("ROLLBACK")) connection_->handle_.reset();
}

Result<void> Transaction::demand_sync() {
  TRY(
      connection_->execute("SELECT set_config('synchronous_commit', 'on', true) "
                           "WHERE current_setting('synchronous_commit', true) = 'off'"));
  return {};
}

Result<void> Transaction::set_statement_limit(std::chrono::milliseconds limit) {
  TRY(connection_->execute(fmt::format("SET LOCAL statement_timeout = {}", limit.count())));
  connection_->limits_.statement = limit;
  return {};
}

Result<void> Transaction::commit() {
  // The server would roll back, and report that only as the name of the command.
  if (connection_->is_alive() && PQtransactionStatus(connection_->handle_.get()) == PQTRANS_INERROR) {
    return fail(Fault::internal, "{}: a transaction in which a statement failed is not committed",
                connection_->name());
  }
  TRY(connection_->execute("COMMIT"));
  connection_->limits_.statement = limit_before_;
  connection_ = nullptr;
  return {};
}

}  // namespace starttls::postgres
