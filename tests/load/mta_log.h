// The log of a Postfix whose sessions are played by a test: what it says of handshakes that failed, as late
// as the test wants, in a file that is rotated now and then.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "base/clock.h"
#include "load/script.h"

namespace starttls::load {

class MtaLog {
 public:
  using Steady = std::chrono::steady_clock;

  // Begins the file, which holds nothing of interest yet.
  explicit MtaLog(std::filesystem::path file);

  // What Postfix says of the session, whose handshake came to `failure` (mtalog's word for it) at `time`: a
  // line now and each further one up to `lag` later than the one before it.
  void tell(const Script& script, std::string_view failure, Time time, std::chrono::microseconds lag);

  // Writes the lines that are due, among others that are of no interest.
  void write_due();
  // Writes all of them.
  void write_all();

  // Renames the file, as logrotate(8) does. The next lines, `late` of them, still go into the renamed one,
  // then there is a new one.
  void rotate(std::size_t late);

  std::size_t rotations() const { return rotations_; }

 private:
  void write(const std::string& line);
  std::filesystem::path renamed(std::size_t number) const;

  const std::filesystem::path file_;
  std::ofstream out_;
  std::multimap<Steady::time_point, std::string> pending_;  // those of a session are in their order
  std::size_t sessions_ = 0;
  std::size_t rotations_ = 0;
  std::size_t late_ = 0;  // lines that still go into the renamed file
  bool is_renamed_ = false;
};

}  // namespace starttls::load
