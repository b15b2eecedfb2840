// What is to be said about a list: where, about which entry, what and why.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace starttls::preload {

enum class Severity {
  note,     // read all the same
  dropped,  // the entry is left out, the others stand
  refused,  // there is no list to be had from this text
};

// In the JSON text: lines and columns count from 1, columns in bytes.
struct Place {
  std::size_t line = 1;
  std::size_t column = 1;
  auto operator<=>(const Place&) const = default;
};

struct Finding {
  Severity severity = Severity::note;
  Place place;
  std::string entry;    // the domain or alias as it is written, fit to be shown; empty for the list itself
  std::string message;  // fit to be shown
};

// "3:7: example.org: has no mode", without the entry where there is none.
std::string to_text(const Finding& finding);

// A list that is wrong in more ways than this is not described to the end.
inline constexpr std::size_t most_findings = 100'000;

// Collects findings and gives them, at the end, in the order of their places.
class Findings {
 public:
  void add(Severity severity, Place place, std::string_view entry, std::string message);

  std::vector<Finding> in_order() &&;
  std::uint64_t untold() const { return untold_; }

 private:
  std::vector<Finding> findings_;
  std::uint64_t untold_ = 0;
  bool refused_ = false;
};

}  // namespace starttls::preload
