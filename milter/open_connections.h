// The connections that are open now. libmilter does not tell of their end when the daemon stops; finish()
// does what xxfi_close would have done.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/log.h"
#include "milter/connection.h"
#include "milter/counters.h"
#include "milter/recording_rules.h"
#include "store/recorder.h"

namespace starttls::milter {

// Whether a client with this verified name has to use TLS.
using RefusesPlaintext = std::function<bool(const std::string& client_name)>;

class OpenConnections {
 public:
  OpenConnections(store::Recorder& recorder, Counters& counters, RefusesPlaintext refuses_plaintext,
                  Clock clock);

  // For the connections that are opened from now on; from any thread. To be called before the first one.
  void configure(std::shared_ptr<const RecordingRules> rules);
  std::shared_ptr<const RecordingRules> rules() const;

  // A connection and what guards it: libmilter runs the callbacks of one connection on different threads, and
  // record_all() may come between them.
  class Entry {
   public:
    template <class Step>
    void with(Step step) {
      const std::lock_guard guard(mutex_);
      step(connection_);
    }

   private:
    friend class OpenConnections;
    Entry(Connection connection, std::string client_address, std::shared_ptr<const RecordingRules> rules)
        : client_address_(std::move(client_address)),
          connection_(std::move(connection)),
          rules_(std::move(rules)) {}
    const std::string client_address_;
    std::mutex mutex_;
    Connection connection_;
    std::shared_ptr<const RecordingRules> rules_;
    std::optional<bool> refused_;  // whether plaintext is, once it was asked
    bool excluded_ = false;
    bool recorded_ = false;
  };

  // What became of a connection that begins: none where nothing more has to be known of it.
  struct Opened {
    Entry* entry = nullptr;  // stays valid until close()
    bool excluded = false;
  };
  // No entry after finish(): the daemon ends, and nothing would be recorded.
  Opened open(std::string_view receiving_mx, const Client& client, const Daemon& daemon);

  // The client has proved who it is (SMTP AUTH). Whether the connection is excluded for that.
  bool authenticated(Entry& entry);

  // A recipient was named. Whether it is to be refused for now, since the sender is known for TLS and came
  // without.
  bool refuses_recipient(Entry& entry);

  // Records the session and frees the entry.
  void close(Entry* entry);

  // What the MTA's log tells. Only while the log is followed.
  void record(const session::LoggedFailure& failure, const session::LogPosition& position);
  void record(const session::LogPosition& position);

  // Records every open session as it stands and takes no new one; each is recorded once, whatever is called
  // later.
  void finish();
  bool finished() const { return finished_; }

  std::size_t size();

 private:
  void record(Entry& entry, bool still_open);
  void exclude(ExclusionReason reason, const std::string& example, std::string_view advice);
  bool is_watched(const session::LoggedFailure& failure);
  void exclude(FailureExclusion reason, const session::LoggedFailure& failure);

  store::Recorder& recorder_;
  Counters& counters_;
  const RefusesPlaintext refuses_plaintext_;
  const Clock clock_;
  const Time started_ = clock_();
  // Not std::atomic, whose load() in g++ 12 is no synchronization with the next store() (as the thread
  // sanitizer tells).
  mutable std::mutex rules_mutex_;
  std::shared_ptr<const RecordingRules> rules_;
  std::array<std::atomic_flag, excluded_reasons> told_;  // of each reason, once
  std::atomic_flag told_of_implicit_tls_;
  OncePerMinute refusal_log_;

  std::mutex mutex_;          // guards what follows
  std::string receiving_mx_;  // of the last connection
  std::unordered_set<Entry*> entries_;
  std::atomic<bool> finished_ = false;
};

}  // namespace starttls::milter
