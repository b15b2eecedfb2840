#include "listingdb/listing_db.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <ranges>
#include <string_view>

#include "base/text.h"
#include "base/try.h"
#include "sqlite/schema.h"

namespace starttls::listingdb {
namespace {

using listing::Entry;
using listing::State;
using listing::Transition;
using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

// Times are milliseconds since 1970-01-01, UTC, days are days since then. Several words in one column are separated by
// blanks. The words are those of listing/entry.h.
constexpr std::string_view tables = R"sql(
  CREATE TABLE facts (name TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE entries (
    domain TEXT PRIMARY KEY NOT NULL,
    state TEXT NOT NULL,
    since INTEGER NOT NULL,
    consent TEXT NOT NULL,
    mxs TEXT NOT NULL,
    manual_reason TEXT,
    manual_ends INTEGER,
    held INTEGER NOT NULL,
    sound_days INTEGER NOT NULL,
    sound_day INTEGER,
    failures INTEGER NOT NULL,
    observed INTEGER,
    policy_until INTEGER,
    contact TEXT NOT NULL,
    faults TEXT NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX entries_observed ON entries (observed);
  CREATE INDEX entries_state ON entries (state);
  CREATE TABLE history (
    id INTEGER PRIMARY KEY,
    domain TEXT NOT NULL,
    time INTEGER NOT NULL,
    from_state TEXT NOT NULL,
    to_state TEXT NOT NULL,
    reason TEXT NOT NULL,
    evidence TEXT NOT NULL
  );
  CREATE INDEX history_domain ON history (domain, id);
  CREATE TABLE editions (
    number INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,
    hash TEXT NOT NULL,
    entries INTEGER NOT NULL,
    added INTEGER NOT NULL,
    removed INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    note TEXT NOT NULL
  );
  CREATE TABLE published (domain TEXT PRIMARY KEY NOT NULL, mxs TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE pinned (domain TEXT PRIMARY KEY NOT NULL, mxs TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE notices (
    id INTEGER PRIMARY KEY,
    domain TEXT NOT NULL,
    time INTEGER NOT NULL,
    evidence TEXT NOT NULL
  );
)sql";

sqlite::Schema schema_of(const char* statements) {
  return {.kind = "the state of a list's publisher",
          .application_id = 0x53544C50,  // "STLP"
          .version = 1,
          .statements = statements,
          .upgrades = {}};
}

constexpr std::string_view entry_columns =
    "domain, state, since, consent, mxs, manual_reason, manual_ends, held, sound_days, sound_day, failures, "
    "observed, "
    "policy_until, contact, faults";
constexpr std::string_view history_columns = "domain, time, from_state, to_state, reason, evidence";
constexpr std::string_view edition_columns = "number, time, hash, entries, added, removed, changed, note";

std::int64_t number_of(Time time) {
  return time.time_since_epoch().count();
}
Time time_of(std::int64_t number) {
  return Time(std::chrono::milliseconds(number));
}

std::string joined(const std::vector<std::string>& words) {
  return fmt::format("{}", fmt::join(words, " "));
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  for (const auto word : std::views::split(text, ' ')) {
    if (!word.empty()) words.emplace_back(word.begin(), word.end());
  }
  return words;
}

std::unexpected<Error> strange(std::string_view what, const std::string& value) {
  return fail(Fault::data, "the publisher's state has the {} '{}', which this version does not know", what,
              printable(value, 100));
}

template <class Value>
Result<Value> known(std::optional<Value> value, std::string_view what, const std::string& word) {
  if (!value) return strange(what, word);
  return std::move(*value);
}

Result<DomainName> domain_in(const Statement& row, int column) {
  return with_context(DomainName::parse(row.text(column)), "the publisher's state has a domain that is none");
}

std::optional<Time> time_in(const Statement& row, int column) {
  if (row.is_null(column)) return std::nullopt;
  return time_of(row.number(column));
}

// Of entry_columns.
Result<KeptEntry> entry_in(const Statement& row) {
  KeptEntry kept{.entry = {.domain = TRY(domain_in(row, 0))}};
  Entry& entry = kept.entry;
  entry.state = TRY(known(listing::find_state(row.text(1)), "state", row.text(1)));
  entry.since = time_of(row.number(2));
  entry.consent = TRY(known(listing::find_consent(row.text(3)), "consent", row.text(3)));
  entry.mxs = split_words(row.text(4));
  if (!row.is_null(5)) entry.manual = {.reason = row.text(5), .ends = time_of(row.number(6))};
  entry.is_held = row.number(7) != 0;
  entry.sound_days = static_cast<unsigned>(row.number(8));
  if (!row.is_null(9)) entry.sound_day = Day(std::chrono::days(row.number(9)));
  entry.failures = static_cast<unsigned>(row.number(10));
  entry.observed = time_in(row, 11);
  kept.policy_until = time_in(row, 12);
  kept.contact = row.text(13);
  kept.faults = split_words(row.text(14));
  return kept;
}

Result<Transition> transition_in(const Statement& row) {
  return Transition{.domain = TRY(domain_in(row, 0)),
                    .time = time_of(row.number(1)),
                    .from = TRY(known(listing::find_state(row.text(2)), "state", row.text(2))),
                    .to = TRY(known(listing::find_state(row.text(3)), "state", row.text(3))),
                    .reason = TRY(known(listing::find_reason(row.text(4)), "reason", row.text(4))),
                    .evidence = row.text(5)};
}

KeptEdition edition_in(const Statement& row) {
  const auto count = [&row](int column) { return static_cast<std::size_t>(row.number(column)); };
  return {.number = static_cast<std::uint64_t>(row.number(0)),
          .time = time_of(row.number(1)),
          .hash = row.text(2),
          .entries = count(3),
          .added = count(4),
          .removed = count(5),
          .changed = count(6),
          .note = row.text(7)};
}

// Each row, read by `read`.
template <class Value>
Result<std::vector<Value>> rows(Statement& statement, Result<Value> (*read)(const Statement&)) {
  std::vector<Value> all;
  while (TRY(statement.step())) all.push_back(TRY(read(statement)));
  return all;
}

void bind_entry(Statement& put, const KeptEntry& kept) {
  const Entry& entry = kept.entry;
  put.bind(1, entry.domain.str()).bind(2, listing::to_string(entry.state)).bind(3, number_of(entry.since));
  put.bind(4, listing::to_string(entry.consent)).bind(5, joined(entry.mxs));
  if (entry.manual) put.bind(6, entry.manual->reason).bind(7, number_of(entry.manual->ends));
  put.bind(8, std::int64_t{entry.is_held}).bind(9, std::int64_t{entry.sound_days});
  if (entry.sound_day) put.bind(10, std::int64_t{entry.sound_day->time_since_epoch().count()});
  put.bind(11, std::int64_t{entry.failures});
  if (entry.observed) put.bind(12, number_of(*entry.observed));
  if (kept.policy_until) put.bind(13, number_of(*kept.policy_until));
  put.bind(14, kept.contact).bind(15, joined(kept.faults));
}

// A table or query with the columns domain and mxs. Nearly all entries are on the list: "+" keeps SQLite from looking
// them up by their state, since in the order of the table they need no sorting.
std::string_view content_of(Content content) {
  switch (content) {
    case Content::published:
      return "published";
    case Content::on_list:
      return "(SELECT domain, mxs FROM entries WHERE +state IN ('listed', 'failing'))";
    case Content::pinned:
      return "pinned";
  }
  return {};
}

Result<std::vector<DomainName>> domains(Database& database, const std::string& sql) {
  auto statement = TRY(database.prepare(sql));
  std::vector<DomainName> all;
  while (TRY(statement.step())) all.push_back(TRY(domain_in(statement, 0)));
  return all;
}

Result<void> put_fact(Database& database, std::string_view name, std::string_view value) {
  auto put = TRY(database.prepare("INSERT OR REPLACE INTO facts VALUES (?1, ?2)"));
  return put.bind(1, name).bind(2, value).run();
}

}  // namespace

Result<void> ListingDb::create(const std::filesystem::path& file, const std::string& list) {
  constexpr mode_t mode = 0640;
  if (std::error_code none; std::filesystem::exists(file, none))
    return fail(Fault::cannot_create, "{}: exists already", printable(file.string()));
  // The name of a list has no character that means anything in SQL.
  const std::string statements = fmt::format("{}\n  INSERT INTO facts VALUES ('list', '{}');", tables, list);
  return sqlite::create(file, schema_of(statements.c_str()), mode);
}

Result<ListingDb> ListingDb::open(const std::filesystem::path& file, const std::string& list) {
  auto database = TRY(Database::open(file, sqlite::OpenMode::read_write));
  TRY(sqlite::check(database, schema_of(""), file));
  auto find = TRY(database.prepare("SELECT value FROM facts WHERE name = 'list'"));
  const std::string of = TRY(find.step()) ? find.text(0) : "";
  if (of != list) {
    return fail(Fault::data, "{}: is the state of the list '{}', not of '{}'", printable(file.string()),
                printable(of, 100), list);
  }
  find.reset();
  return ListingDb(std::move(database));
}

Result<std::optional<KeptEntry>> ListingDb::find(const DomainName& domain) {
  auto statement =
      TRY(database_.prepare(fmt::format("SELECT {} FROM entries WHERE domain = ?1", entry_columns)));
  statement.bind(1, domain.str());
  if (!TRY(statement.step())) return std::optional<KeptEntry>();
  return std::optional(TRY(entry_in(statement)));
}

Result<std::vector<KeptEntry>> ListingDb::due(Time before) {
  auto statement = TRY(
      database_.prepare(fmt::format("SELECT {} FROM entries WHERE state <> 'removed' AND (observed IS NULL "
                                    "OR observed < ?1) ORDER BY observed, domain",
                                    entry_columns)));
  statement.bind(1, number_of(before));
  return rows<KeptEntry>(statement, entry_in);
}

Result<std::vector<KeptEntry>> ListingDb::expiring() {
  auto statement = TRY(database_.prepare(fmt::format(
      "SELECT {} FROM entries WHERE state IN ('candidate', 'suspended') OR manual_ends IS NOT NULL "
      "ORDER BY domain",
      entry_columns)));
  return rows<KeptEntry>(statement, entry_in);
}

Result<void> ListingDb::each(const std::function<void(const KeptEntry& kept)>& see) {
  auto statement =
      TRY(database_.prepare(fmt::format("SELECT {} FROM entries ORDER BY domain", entry_columns)));
  while (TRY(statement.step())) see(TRY(entry_in(statement)));
  return {};
}

Result<std::map<State, std::size_t>> ListingDb::counts() {
  auto statement = TRY(database_.prepare("SELECT state, count(*) FROM entries GROUP BY state"));
  std::map<State, std::size_t> counts;
  while (TRY(statement.step())) {
    const State state = TRY(known(listing::find_state(statement.text(0)), "state", statement.text(0)));
    counts[state] = static_cast<std::size_t>(statement.number(1));
  }
  return counts;
}

Result<void> ListingDb::save(std::span<const Change> changes) {
  auto transaction = TRY(Transaction::begin(database_, "IMMEDIATE"));
  auto put =
      TRY(database_.prepare(fmt::format("INSERT OR REPLACE INTO entries ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, "
                                        "?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
                                        entry_columns)));
  auto note = TRY(database_.prepare(
      fmt::format("INSERT INTO history ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", history_columns)));
  auto inform = TRY(database_.prepare("INSERT INTO notices (domain, time, evidence) VALUES (?1, ?2, ?3)"));
  for (const Change& change : changes) {
    bind_entry(put, change.kept);
    TRY(put.run());
    for (const Transition& transition : change.transitions) {
      note.bind(1, transition.domain.str()).bind(2, number_of(transition.time));
      note.bind(3, listing::to_string(transition.from)).bind(4, listing::to_string(transition.to));
      TRY(note.bind(5, listing::to_string(transition.reason)).bind(6, transition.evidence).run());
      if (!listing::concerns_owner(transition)) continue;
      inform.bind(1, transition.domain.str()).bind(2, number_of(transition.time));
      TRY(inform.bind(3, transition.evidence).run());
    }
  }
  return transaction.commit();
}

Result<listing::Transitions> ListingDb::history(const DomainName& domain) {
  auto statement = TRY(database_.prepare(
      fmt::format("SELECT {} FROM history WHERE domain = ?1 ORDER BY id", history_columns)));
  statement.bind(1, domain.str());
  return rows<Transition>(statement, transition_in);
}

Result<listing::Transitions> ListingDb::recent(std::size_t max) {
  auto statement = TRY(
      database_.prepare(fmt::format("SELECT {} FROM history ORDER BY id DESC LIMIT ?1", history_columns)));
  statement.bind(1, static_cast<std::int64_t>(max));
  return rows<Transition>(statement, transition_in);
}

Result<void> ListingDb::each_of(Content content, const SeePublished& see) {
  auto statement =
      TRY(database_.prepare(fmt::format("SELECT domain, mxs FROM {} ORDER BY domain", content_of(content))));
  while (TRY(statement.step()))
    TRY(see({.domain = TRY(domain_in(statement, 0)), .mxs = split_words(statement.text(1))}));
  return {};
}

Result<std::size_t> ListingDb::size_of(Content content) {
  return static_cast<std::size_t>(
      TRY(database_.number(fmt::format("SELECT count(*) FROM {}", content_of(content)))));
}

Result<listing::Difference> ListingDb::difference(Content to) {
  const std::string_view now = content_of(to);
  return listing::Difference{
      .added = TRY(
          domains(database_,
                  fmt::format("SELECT domain FROM {} AS now WHERE NOT EXISTS (SELECT 1 FROM published WHERE "
                              "published.domain = now.domain) ORDER BY domain",
                              now))),
      .removed = TRY(domains(
          database_, fmt::format("SELECT domain FROM published WHERE NOT EXISTS (SELECT 1 FROM {} AS now "
                                 "WHERE now.domain = published.domain) ORDER BY domain",
                                 now))),
      .changed = TRY(domains(
          database_, fmt::format("SELECT now.domain FROM {} AS now JOIN published ON published.domain = "
                                 "now.domain WHERE published.mxs <> now.mxs ORDER BY now.domain",
                                 now)))};
}

Result<void> ListingDb::publish(const KeptEdition& edition, Content content) {
  auto transaction = TRY(Transaction::begin(database_, "IMMEDIATE"));
  if (content != Content::published) {
    const std::string_view now = content_of(content);
    TRY(
        database_.execute(fmt::format("DELETE FROM published WHERE NOT EXISTS (SELECT 1 FROM {0} AS now "
                                      "WHERE now.domain = published.domain);\n"
                                      "INSERT OR REPLACE INTO published SELECT domain, mxs FROM {0} AS now "
                                      "WHERE NOT EXISTS (SELECT 1 FROM published "
                                      "WHERE published.domain = now.domain AND published.mxs = now.mxs)",
                                      now)));
  }
  auto put = TRY(database_.prepare(
      fmt::format("INSERT INTO editions ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)", edition_columns)));
  const auto count = [](std::size_t number) { return static_cast<std::int64_t>(number); };
  put.bind(1, static_cast<std::int64_t>(edition.number))
      .bind(2, number_of(edition.time))
      .bind(3, edition.hash);
  put.bind(4, count(edition.entries)).bind(5, count(edition.added)).bind(6, count(edition.removed));
  TRY(put.bind(7, count(edition.changed)).bind(8, edition.note).run());
  return transaction.commit();
}

Result<void> ListingDb::pin(std::uint64_t edition,
                            const std::function<Result<std::optional<Published>>()>& next) {
  auto transaction = TRY(Transaction::begin(database_, "IMMEDIATE"));
  TRY(database_.execute("DELETE FROM pinned"));
  auto put = TRY(database_.prepare("INSERT INTO pinned VALUES (?1, ?2)"));
  while (const std::optional<Published> entry = TRY(next()))
    TRY(put.bind(1, entry->domain.str()).bind(2, joined(entry->mxs)).run());
  TRY(put_fact(database_, "pinned", std::to_string(edition)));
  return transaction.commit();
}

Result<void> ListingDb::unpin() {
  auto transaction = TRY(Transaction::begin(database_, "IMMEDIATE"));
  TRY(database_.execute("DELETE FROM pinned; DELETE FROM facts WHERE name = 'pinned'"));
  return transaction.commit();
}

Result<std::optional<std::uint64_t>> ListingDb::pinned() {
  auto statement = TRY(database_.prepare("SELECT CAST(value AS INTEGER) FROM facts WHERE name = 'pinned'"));
  if (!TRY(statement.step())) return std::optional<std::uint64_t>();
  return std::optional(static_cast<std::uint64_t>(statement.number(0)));
}

Result<std::optional<KeptEdition>> ListingDb::newest() {
  auto newest = TRY(editions(1));
  if (newest.empty()) return std::optional<KeptEdition>();
  return std::optional(std::move(newest.front()));
}

Result<std::vector<KeptEdition>> ListingDb::editions(std::size_t max) {
  auto statement = TRY(database_.prepare(
      fmt::format("SELECT {} FROM editions ORDER BY number DESC LIMIT ?1", edition_columns)));
  statement.bind(1, static_cast<std::int64_t>(max));
  std::vector<KeptEdition> all;
  while (TRY(statement.step())) all.push_back(edition_in(statement));
  return all;
}

Result<std::vector<Notice>> ListingDb::notices() {
  auto statement = TRY(database_.prepare("SELECT id, domain, time, evidence FROM notices ORDER BY id"));
  std::vector<Notice> all;
  while (TRY(statement.step())) {
    all.push_back({.id = statement.number(0),
                   .domain = TRY(domain_in(statement, 1)),
                   .time = time_of(statement.number(2)),
                   .evidence = statement.text(3)});
  }
  return all;
}

Result<void> ListingDb::remove_notice(std::int64_t id) {
  auto remove = TRY(database_.prepare("DELETE FROM notices WHERE id = ?1"));
  return remove.bind(1, id).run();
}

}  // namespace starttls::listingdb
