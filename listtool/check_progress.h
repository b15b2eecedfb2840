// How far `check` is: one line on the terminal of standard error, which is cleared before anything else is printed.
//
//     3 of 10 domains, 27 connections
#pragma once

#include <chrono>
#include <cstddef>

#include "event/loop.h"

namespace starttls::listtool {

class CheckProgress {
 public:
  // `wanted`: whether standard error is a terminal, and the user has not asked for silence.
  CheckProgress(event::Loop& loop, bool wanted, std::size_t domains);

  void count_connection() { ++connections_; }
  void count_domain() { ++examined_; }

  // Clears the line, which appears again after some time, or not at all once all domains are examined.
  void clear();

 private:
  void show();

  bool wanted_;
  std::size_t domains_;
  std::size_t examined_ = 0;
  std::size_t connections_ = 0;
  bool is_shown_ = false;
  event::Timer timer_;
};

}  // namespace starttls::listtool
