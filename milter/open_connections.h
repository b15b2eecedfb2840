// The connections that are open now. libmilter does not report their end when the daemon stops; finish() does
// what xxfi_close would have done.
#pragma once

#include <array>
#include <atomic>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>

#include "base/guarded.h"
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
  OpenConnections(store::Recorder& recorder, Guarded<Counters>& counters, RefusesPlaintext refuses_plaintext,
                  Clock clock);

  // For the connections that are opened from now on; from any thread. To be called before the first one.
  void configure(std::shared_ptr<const RecordingRules> rules);
  std::shared_ptr<const RecordingRules> rules() const { return rules_.get(); }

  // A connection: libmilter runs its callbacks on different threads, and finish() may come between them.
  class Entry {
   public:
    template <class Step>
    void with(Step step) {
      step(state_.lock()->connection);
    }

   private:
    friend class OpenConnections;
    struct State {
      Connection connection;
      std::shared_ptr<const RecordingRules> rules;
      std::optional<bool> refuses_plaintext;  // none: not looked up yet
      bool is_excluded = false;
      bool is_recorded = false;
    };
    Entry(std::string client_address, State state)
        : client_address_(std::move(client_address)), state_(std::move(state)) {}
    const std::string client_address_;
    Guarded<State> state_;
  };

  struct Opened {
    Entry* entry = nullptr;  // valid until close(); none where no step of the connection is needed
    bool excluded = false;
  };
  // No entry after finish(): the daemon stops, and nothing would be recorded.
  Opened open(std::string_view receiving_mx, const Client& client, const Daemon& daemon);

  // The client used SMTP AUTH. Whether the connection is excluded for that.
  bool authenticated(Entry& entry);

  // Whether it is excluded by now: no step of it is needed any more.
  bool is_excluded(Entry& entry) const { return entry.state_.lock()->is_excluded; }

  // The client named a recipient. Whether it is to be refused for now, because the sender is known for TLS
  // and does not use it.
  bool refuses_recipient(Entry& entry);

  // Records the session and frees the entry.
  void close(Entry* entry);

  // What is read in the MTA's log.
  void record(const session::LoggedFailure& failure, const session::LogPosition& position);
  void record(const session::LogPosition& position);

  // Records every open session as it is and takes no new one; each is recorded once, whatever is called
  // later.
  void finish();
  bool finished() const { return finished_; }

  std::size_t size() const { return open_.lock()->entries.size(); }

 private:
  struct Open {
    std::string receiving_mx;  // of the last connection
    std::unordered_set<Entry*> entries;
  };

  void record(Entry& entry, bool still_open);
  void exclude(ExclusionReason reason, const std::string& example, std::string_view setting);
  void exclude(FailureExclusion reason, const session::LoggedFailure& failure);
  bool is_watched(const session::LoggedFailure& failure) const;

  store::Recorder& recorder_;
  Guarded<Counters>& counters_;
  const RefusesPlaintext refuses_plaintext_;
  const Clock clock_;
  const Time started_ = clock_();
  // Not std::atomic, whose load() in g++ 12 does not synchronize with the next store(), as the thread
  // sanitizer shows.
  Guarded<std::shared_ptr<const RecordingRules>> rules_;
  std::array<std::atomic_flag, exclusion_reasons> is_logged_;  // each reason, once
  std::atomic_flag is_implicit_tls_logged_;
  OncePerMinute refusal_log_;
  Guarded<Open> open_;
  std::atomic<bool> finished_ = false;
};

}  // namespace starttls::milter
