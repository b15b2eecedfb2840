// What a follower told.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "event/loop.h"
#include "mtalog/follower.h"
#include "support.h"

namespace starttls::test {

// Follows a log, from where the last one stopped, until it has told of so many failures.
class Listening {
 public:
  explicit Listening(std::string source) : source_(std::move(source)) {}

  // The last number of each address.
  std::vector<std::string> hear(std::size_t failures) {
    heard_.clear();
    times.clear();
    wanted_ = failures;
    event::Loop loop;
    const auto follower = good(mtalog::follow(loop, source_, position, clock, heard(loop)));
    if (act) loop.post([this] { act(); });
    if (failures > 0) loop.run();
    return heard_;
  }

  // Goes on for so long as there is anything to be read.
  std::vector<std::string> hear_all() {
    heard_.clear();
    times.clear();
    wanted_ = SIZE_MAX;
    event::Loop loop;
    const auto follower = good(mtalog::follow(loop, source_, position, clock, heard(loop)));
    if (before_it_reads) before_it_reads();
    // What it posts to itself is done before the fifth turn of ours.
    std::function<void(int)> turn = [&](int left) {
      if (left == 0) return loop.stop();
      loop.post([&turn, left] { turn(left - 1); });
    };
    turn(5);
    loop.run();
    return heard_;
  }

  Clock clock = system_clock();
  std::vector<Time> times;  // of the failures
  std::optional<session::LogPosition> position;
  session::HandshakeFailure reason = session::HandshakeFailure::none;  // of the last failure
  std::function<void()> act;                                           // once it follows
  std::function<void()> before_it_reads;                               // of hear_all()

 private:
  mtalog::FollowerCallbacks heard(event::Loop& loop) {
    return {.failure =
                [this, &loop](const session::LoggedFailure& failure, const session::LogPosition& at) {
                  keep(at);
                  reason = failure.failure;
                  times.push_back(failure.time);
                  heard_.push_back(failure.client_address.substr(failure.client_address.rfind('.') + 1));
                  if (heard_.size() == wanted_) loop.stop();
                },
            .position = [this](const session::LogPosition& at) { keep(at); }};
  }

  void keep(const session::LogPosition& at) {
    CHECK((!position || position->number < at.number));
    position = at;
  }

  std::string source_;
  std::vector<std::string> heard_;
  std::size_t wanted_ = 0;
};

}  // namespace starttls::test
