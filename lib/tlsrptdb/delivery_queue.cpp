#include "tlsrptdb/delivery_queue.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/enum_words.h"
#include "base/try.h"
#include "store/columns.h"
#include "tlsrptdb/database.h"

namespace starttls::tlsrptdb {
namespace {

using sqlite::Database;
using sqlite::Statement;
using store::count_in;
using store::time_in;
using store::to_number;
using namespace std::chrono_literals;

constexpr auto states = enum_words<DeliveryState>({{DeliveryState::held, "held"},
                                                   {DeliveryState::waiting, "waiting"},
                                                   {DeliveryState::sent, "sent"},
                                                   {DeliveryState::given_up, "given-up"}});

constexpr const char* columns =
    "id, report_id, destination, policy_domain, submitter, sender, file_name, state, created, next_try, "
    "tries, reason, held_for";

Delivery delivery_in(const Statement& row) {
  return {.id = row.number(0),
          .report_id = row.text(1),
          .destination = row.text(2),
          .policy_domain = row.text(3),
          .submitter = row.text(4),
          .sender = row.text(5),
          .file_name = row.text(6),
          .state = states.find(row.text(7)).value_or(DeliveryState::given_up),
          .created = time_in(row, 8),
          .next_try = time_in(row, 9),
          .tries = count_in(row, 10),
          .reason = row.text(11),
          .held_for = row.is_null(12) ? std::nullopt : std::optional(store::day_in(row, 12))};
}

Result<std::vector<Delivery>> read(Statement& rows) {
  std::vector<Delivery> found;
  while (true) {
    const auto row = TRY(rows.step());
    if (!row) return found;
    found.push_back(delivery_in(rows));
  }
}

}  // namespace

std::string_view to_string(DeliveryState state) {
  return states.word(state);
}

std::chrono::milliseconds retry_delay(std::uint64_t tries) {
  constexpr std::array<std::chrono::minutes, 6> pauses{5min, 15min, 45min, 2h, 4h, 6h};
  return pauses.at(std::clamp<std::uint64_t>(tries, 1, pauses.size()) - 1);
}

struct DeliveryQueue::Open {
  Database database;
};

DeliveryQueue::DeliveryQueue(std::unique_ptr<Open> open) : open_(std::move(open)) {}
DeliveryQueue::DeliveryQueue(DeliveryQueue&&) noexcept = default;
DeliveryQueue& DeliveryQueue::operator=(DeliveryQueue&&) noexcept = default;
DeliveryQueue::~DeliveryQueue() = default;

Result<DeliveryQueue> DeliveryQueue::open(const std::filesystem::path& file, store::Access access) {
  auto database = TRY(open_database(file, access));
  return DeliveryQueue(std::make_unique<Open>(Open{.database = std::move(database)}));
}

Result<bool> DeliveryQueue::add(const Delivery& delivery, std::string_view json_gzip) {
  auto row = TRY(open_->database.prepare(
      "INSERT INTO deliveries (report_id, destination, policy_domain, submitter, sender, file_name, state, "
      "created, "
      "next_try, tries, reason, json_gzip, held_for) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?10, ?7, ?8, 0, '', ?9, "
      "?11) "
      "ON CONFLICT DO NOTHING"));
  row.bind(1, delivery.report_id).bind(2, delivery.destination).bind(3, delivery.policy_domain);
  row.bind(4, delivery.submitter).bind(5, delivery.sender).bind(6, delivery.file_name);
  row.bind(7, to_number(delivery.created)).bind(8, to_number(delivery.next_try)).bind_bytes(9, json_gzip);
  row.bind(10, to_string(delivery.held_for ? DeliveryState::held : DeliveryState::waiting));
  if (delivery.held_for) row.bind(11, to_number(*delivery.held_for));
  const std::int64_t before = open_->database.total_changes();
  TRY(row.run());
  return open_->database.total_changes() > before;
}

Result<std::uint64_t> DeliveryQueue::add(const std::vector<PackedDelivery>& deliveries) {
  auto transaction = TRY(sqlite::Transaction::begin(open_->database, "IMMEDIATE"));
  std::uint64_t added = 0;
  for (const auto& [delivery, json_gzip] : deliveries) {
    if (TRY(add(delivery, json_gzip))) ++added;
  }
  TRY(transaction.commit());
  return added;
}

Result<std::vector<Day>> DeliveryQueue::held_days() {
  auto rows = TRY(open_->database.prepare(
      "SELECT DISTINCT held_for FROM deliveries WHERE state = 'held' AND held_for IS NOT NULL ORDER BY 1"));
  std::vector<Day> days;
  while (TRY(rows.step())) days.push_back(store::day_in(rows, 0));
  return days;
}

Result<void> DeliveryQueue::release(Day day, Time now) {
  auto rows =
      TRY(open_->database.prepare("UPDATE deliveries SET state = 'waiting', created = ?2, held_for = NULL "
                                  "WHERE state = 'held' AND held_for = ?1"));
  return rows.bind(1, to_number(day)).bind(2, to_number(now)).run();
}

Result<void> DeliveryQueue::remove_held(Day day) {
  auto rows = TRY(open_->database.prepare("DELETE FROM deliveries WHERE state = 'held' AND held_for = ?1"));
  return rows.bind(1, to_number(day)).run();
}

Result<std::vector<Delivery>> DeliveryQueue::due(Time now) {
  auto rows = TRY(open_->database.prepare(fmt::format(
      "SELECT {} FROM deliveries WHERE state = 'waiting' AND next_try <= ?1 ORDER BY created, id", columns)));
  rows.bind(1, to_number(now));
  return read(rows);
}

Result<std::string> DeliveryQueue::json_gzip(std::int64_t id) {
  auto row = TRY(open_->database.prepare("SELECT json_gzip FROM deliveries WHERE id = ?1"));
  TRY(row.bind(1, id).step());
  return row.text(0);
}

Result<void> DeliveryQueue::set_sent(std::int64_t id, Time now) {
  auto row = TRY(open_->database.prepare(
      "UPDATE deliveries SET state = 'sent', tries = tries + 1, reason = '', sent = ?2 WHERE id = ?1"));
  return row.bind(1, id).bind(2, to_number(now)).run();
}

Result<DeliveryState> DeliveryQueue::set_failed(const Delivery& delivery, const std::string& reason,
                                                bool may_pass, Time now) {
  const Time next = now + retry_delay(delivery.tries + 1);
  const bool goes_on = may_pass && next <= delivery.created + max_delivery_time;
  const DeliveryState state = goes_on ? DeliveryState::waiting : DeliveryState::given_up;
  auto row = TRY(open_->database.prepare(
      "UPDATE deliveries SET state = ?2, tries = tries + 1, next_try = ?3, reason = ?4 WHERE id = ?1"));
  row.bind(1, delivery.id).bind(2, to_string(state)).bind(3, to_number(next)).bind(4, reason);
  TRY(row.run());
  return state;
}

Result<std::vector<Delivery>> DeliveryQueue::all() {
  auto rows =
      TRY(open_->database.prepare(fmt::format("SELECT {} FROM deliveries ORDER BY created, id", columns)));
  return read(rows);
}

Result<std::map<std::string, std::uint64_t>> DeliveryQueue::mails_sent(Day day) {
  auto rows = TRY(open_->database.prepare(
      "SELECT lower(substr(destination, instr(destination, '@') + 1)), count(*) FROM deliveries "
      "WHERE state = 'sent' AND sent >= ?1 AND sent < ?2 AND destination LIKE 'mailto:%' GROUP BY 1"));
  rows.bind(1, to_number(Time{day})).bind(2, to_number(Time{day} + std::chrono::days{1}));
  std::map<std::string, std::uint64_t> mails;
  for (;;) {
    const auto row = TRY(rows.step());
    if (!row) return mails;
    mails.emplace(rows.text(0), count_in(rows, 1));
  }
}

Result<bool> DeliveryQueue::was_sent(const std::string& report_id, const std::string& destination,
                                     Time since) {
  auto row =
      TRY(open_->database.prepare("SELECT 1 FROM deliveries WHERE report_id = ?1 AND lower(destination) = "
                                  "lower(?2) AND state = 'sent' AND sent >= ?3"));
  return row.bind(1, report_id).bind(2, destination).bind(3, to_number(since)).step();
}

Result<void> DeliveryQueue::remove(std::int64_t id) {
  auto row = TRY(open_->database.prepare("DELETE FROM deliveries WHERE id = ?1"));
  return row.bind(1, id).run();
}

Result<void> DeliveryQueue::forget(Time before) {
  auto rows =
      TRY(open_->database.prepare("DELETE FROM deliveries WHERE state <> 'waiting' AND created < ?1"));
  return rows.bind(1, to_number(before)).run();
}

}  // namespace starttls::tlsrptdb
