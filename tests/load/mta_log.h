// The log of a Postfix whose sessions a test simulates: lines about failed handshakes, with delays that the
// test chooses, in a file that is rotated from time to time.
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

  // Creates the file with lines that are not relevant.
  explicit MtaLog(std::filesystem::path file);

  // Adds Postfix's lines about the session, whose handshake failed with `failure` (in mtalog's words) at
  // `time`: the first line now, and each further one up to `lag` later than the one before it.
  void tell(const Script& script, std::string_view failure, Time time, std::chrono::microseconds lag);

  // Writes the lines that are due, among lines that are not relevant.
  void write_due();
  // Writes all of them.
  void write_all();

  // Renames the file, as logrotate(8) does. The next `late` lines are still written to the renamed file, then
  // a new one is created.
  void rotate(std::size_t late);

  std::size_t rotations() const { return rotations_; }

 private:
  void write(const std::string& line);
  std::filesystem::path renamed(std::size_t number) const;

  const std::filesystem::path file_;
  std::ofstream out_;
  std::multimap<Steady::time_point, std::string> pending_;  // the lines of a session are in their order
  std::size_t sessions_ = 0;
  std::size_t rotations_ = 0;
  std::size_t late_ = 0;  // lines that are still written to the renamed file
  bool is_renamed_ = false;
};

}  // namespace starttls::load
