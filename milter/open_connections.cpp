#include "milter/open_connections.h"

#include <memory>
#include <utility>

namespace starttls::milter {

OpenConnections::OpenConnections(store::Recorder& recorder, Counters& counters, Clock clock)
    : recorder_(recorder), counters_(counters), clock_(std::move(clock)) {}

std::size_t OpenConnections::size() {
  const std::lock_guard guard(mutex_);
  return entries_.size();
}

void OpenConnections::Entry::with(const std::function<void(Connection&)>& step) {
  const std::lock_guard guard(mutex_);
  step(connection_);
}

OpenConnections::Entry* OpenConnections::open(std::string_view receiving_mx, const Client& client) {
  std::unique_ptr<Entry> entry(new Entry(Connection(clock_(), receiving_mx, client)));
  const std::lock_guard guard(mutex_);
  if (finished_) return nullptr;
  entries_.insert(entry.get());
  return entry.release();
}

void OpenConnections::close(Entry* entry) {
  record(*entry);
  {
    const std::lock_guard guard(mutex_);
    entries_.erase(entry);
  }
  delete entry;
}

void OpenConnections::finish() {
  const std::lock_guard guard(mutex_);
  finished_ = true;
  for (Entry* entry : entries_) record(*entry);
}

void OpenConnections::record(Entry& entry) {
  const std::lock_guard guard(entry.mutex_);
  if (std::exchange(entry.recorded_, true)) return;
  const store::Session session = entry.connection_.ended(clock_());
  counters_.count(session);
  recorder_.record(session);
}

}  // namespace starttls::milter
