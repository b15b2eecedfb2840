// What is to be said about a text from outside: where, about what in it, what is wrong and why.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace starttls {

enum class Severity {
  note,     // read all the same
  fault,    // a fault: this is left out, or read by the tolerant only; the rest stands
  refused,  // there is nothing to be had from this text
};

// In a text: lines and columns count from 1, columns in bytes.
struct Position {
  std::size_t line = 1;
  std::size_t column = 1;

  auto operator<=>(const Position&) const = default;
};

struct Finding {
  Severity severity = Severity::note;
  Position position;
  std::string entry;    // what it is about, as it is written, fit to be shown; empty for the text itself
  std::string message;  // fit to be shown
};

// "3:7: mx: '192.0.2.1' is an address", without the entry where there is none.
std::string to_string(const Finding& finding);

// How many of Severity::fault there are.
std::size_t faults(std::span<const Finding> findings);

// The first that refuses the text, or nullptr.
const Finding* refusal(std::span<const Finding> findings);

// Collects what is to be said about one text, up to a bound.
class Findings {
 public:
  // A text that is wrong in more ways than this is not described to the end.
  static constexpr std::size_t most = 1000;
  explicit Findings(std::size_t limit = most) : limit_(limit) {}

  // Makes the entry fit to be shown. Why the text is refused is told in any case, at least once.
  void add(Severity severity, Position position, std::string_view entry, std::string message);

  bool refused() const { return refused_; }
  std::uint64_t suppressed() const { return suppressed_; }
  // All of them, in the order of their places.
  std::vector<Finding> take() &&;

 private:
  std::size_t limit_;
  std::vector<Finding> shown_;
  std::uint64_t suppressed_ = 0;
  bool refused_ = false;
};

}  // namespace starttls
