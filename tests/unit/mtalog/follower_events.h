// The failures that a follower reports.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "event/loop.h"
#include "mtalog/follower.h"
#include "support.h"

namespace starttls::test {

// Follows a log, from where the last one stopped, until it has reported this many failures.
class FollowerEvents {
 public:
  explicit FollowerEvents(std::string source) : source_(std::move(source)) {}

  // The last number of each address.
  std::vector<std::string> read(std::size_t failures) {
    events_.clear();
    times.clear();
    wanted_ = failures;
    event::Loop loop;
    const auto follower = good(mtalog::follow(loop, source_, position, clock, callbacks(loop)));
    if (act) loop.post([this] { act(); });
    if (failures > 0) loop.run();
    return events_;
  }

  // Runs as long as there is anything to read.
  std::vector<std::string> hear_all() {
    events_.clear();
    times.clear();
    wanted_ = SIZE_MAX;
    event::Loop loop;
    const auto follower = good(mtalog::follow(loop, source_, position, clock, callbacks(loop)));
    if (before_it_reads) before_it_reads();
    // What it posts to itself runs before our fifth turn.
    std::function<void(int)> turn = [&](int left) {
      if (left == 0) return loop.stop();
      loop.post([&turn, left] { turn(left - 1); });
    };
    turn(5);
    loop.run();
    if (at_end) at_end();
    return events_;
  }

  Clock clock = system_clock();
  std::vector<Time> times;  // of the failures
  std::optional<session::LogPosition> position;
  session::HandshakeFailure reason = session::HandshakeFailure::none;  // of the last failure
  std::function<void()> act;                                           // once it follows
  std::function<void()> before_it_reads;                               // of hear_all()
  std::function<void()> at_end;  // of hear_all(), while it still follows

 private:
  mtalog::FollowerCallbacks callbacks(event::Loop& loop) {
    return {.failure =
                [this, &loop](const session::LoggedFailure& failure, const session::LogPosition& at) {
                  keep(at);
                  reason = failure.failure;
                  times.push_back(failure.time);
                  events_.push_back(failure.client_address.substr(failure.client_address.rfind('.') + 1));
                  if (events_.size() == wanted_) loop.stop();
                },
            .position = [this](const session::LogPosition& at) { keep(at); }};
  }

  void keep(const session::LogPosition& at) {
    CHECK((!position || position->number < at.number));
    position = at;
  }

  std::string source_;
  std::vector<std::string> events_;
  std::size_t wanted_ = 0;
};

}  // namespace starttls::test
