// Findings about a text from outside: where, about which entry, what is wrong and why.
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
  note,     // worth knowing; the entry is used
  fault,    // the entry is ignored, or only tolerant readers use it; the rest is used
  refused,  // the text is unusable
};

// In a text. Lines and columns count from 1; columns count bytes.
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

// How many findings are Severity::fault.
std::size_t faults(std::span<const Finding> findings);

// The first finding of Severity::refused, or nullptr.
const Finding* refusal(std::span<const Finding> findings);

// Collects the findings about one text, up to a bound.
class Findings {
 public:
  // Further findings are only counted.
  static constexpr std::size_t max_size = 1000;
  explicit Findings(std::size_t limit = max_size) : limit_(limit) {}

  // Escapes the entry with printable(). The first finding of Severity::refused is kept in any case.
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
