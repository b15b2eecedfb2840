// The connections that are open now. libmilter does not tell of their end when the daemon stops; finish()
// does what xxfi_close would have done.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <unordered_set>

#include "milter/connection.h"
#include "milter/counters.h"
#include "store/recorder.h"

namespace starttls::milter {

class OpenConnections {
 public:
  OpenConnections(store::Recorder& recorder, Counters& counters, Clock clock);

  // A connection and what guards it: libmilter runs the callbacks of one connection on different threads, and
  // record_all() may come between them.
  class Entry {
   public:
    void with(const std::function<void(Connection&)>& step);

   private:
    friend class OpenConnections;
    explicit Entry(Connection connection) : connection_(std::move(connection)) {}
    std::mutex mutex_;
    Connection connection_;
    bool recorded_ = false;
  };

  // The entry stays valid until close(). None after finish(): the daemon ends, and nothing would be recorded.
  Entry* open(std::string_view receiving_mx, const Client& client);

  // Records the session and frees the entry.
  void close(Entry* entry);

  // Records every open session as it stands and takes no new one; each is recorded once, whatever is called
  // later.
  void finish();
  bool finished() const { return finished_; }

  std::size_t size();

 private:
  void record(Entry& entry);

  store::Recorder& recorder_;
  Counters& counters_;
  const Clock clock_;
  std::mutex mutex_;
  std::unordered_set<Entry*> entries_;
  std::atomic<bool> finished_ = false;
};

}  // namespace starttls::milter
