#include "outbound/postgres_schema.h"

#include <array>
#include <string>

#include "postgres/schema.h"

namespace starttls::outbound {
namespace {

// Days are days since 1970-01-01, times are milliseconds since then, UTC. tlsrpt-store(5) describes all of it.
// The tables of policies have a partition for each day, so that old days are dropped and not deleted row by row.
// The key of a partitioned table begins with the day.
constexpr const char* tables = R"sql(
  CREATE TABLE outbound_counts (
    day INTEGER NOT NULL,
    policy UUID NOT NULL,
    domain TEXT NOT NULL,
    source TEXT NOT NULL,
    policy_type TEXT NOT NULL,
    policy_domain TEXT NOT NULL,
    successful BIGINT NOT NULL,
    failed BIGINT NOT NULL,
    PRIMARY KEY (day, policy)
  ) PARTITION BY LIST (day);
  CREATE INDEX outbound_counts_of_domain ON outbound_counts (domain);
  CREATE TABLE outbound_texts (
    day INTEGER NOT NULL,
    policy UUID NOT NULL,
    record TEXT NOT NULL,
    policy_strings TEXT NOT NULL,
    mx_hosts TEXT NOT NULL,
    PRIMARY KEY (day, policy)
  ) PARTITION BY LIST (day);
  CREATE TABLE outbound_failures (
    day INTEGER NOT NULL,
    policy UUID NOT NULL,
    failure UUID NOT NULL,
    result_type TEXT NOT NULL,
    sending_mta_ip TEXT NOT NULL,
    receiving_mx_hostname TEXT NOT NULL,
    receiving_mx_helo TEXT NOT NULL,
    receiving_ip TEXT NOT NULL,
    additional_information TEXT NOT NULL,
    failure_reason_code TEXT NOT NULL,
    sessions BIGINT NOT NULL,
    PRIMARY KEY (day, policy, failure)
  ) PARTITION BY LIST (day);
  CREATE TABLE outbound_days (
    day INTEGER PRIMARY KEY,
    results BIGINT NOT NULL,
    malformed BIGINT NOT NULL,
    left_out BIGINT NOT NULL
  ) WITH (fillfactor = 50);
  CREATE TABLE outbound_segments (
    id TEXT PRIMARY KEY,
    writer TEXT NOT NULL,
    folded_at BIGINT NOT NULL
  );
  CREATE INDEX outbound_segments_of_writer ON outbound_segments (writer, folded_at);
  CREATE TABLE outbound_writers (
    writer TEXT PRIMARY KEY
  );
)sql";

// Version 1 had none.
constexpr const char* reports_table = R"sql(
  CREATE TABLE outbound_reports (
    day INTEGER PRIMARY KEY,
    report_host TEXT NOT NULL,
    writer TEXT NOT NULL,
    writer_host TEXT NOT NULL,
    claimed_until BIGINT NOT NULL,
    queued INTEGER NOT NULL
  );
)sql";
const std::string statements = std::string(tables) + reports_table;
constexpr std::array upgrades{reports_table};

const postgres::Schema schema{.kind = "a store of tlsrpt-collector",
                              .table = "tlsrpt_outbound",
                              .version = 2,
                              .statements = statements.c_str(),
                              .upgrades = upgrades};

const postgres::SharedStoreKind kind{
    .schema = &schema,
    .add_writer = "INSERT INTO outbound_writers (writer) VALUES ($1) ON CONFLICT DO NOTHING",
    .lock_writer =
        "SELECT s.version FROM tlsrpt_outbound AS s, outbound_writers AS w WHERE w.writer = $1 "
        "FOR SHARE OF s FOR UPDATE OF w"};

}  // namespace

const postgres::SharedStoreKind& shared_store_kind() {
  return kind;
}

}  // namespace starttls::outbound
