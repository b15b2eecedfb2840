// Addresses that reports are not sent to for a while, because mail to them came back.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/store.h"

namespace starttls::tlsrptdb {

// After this, an address is tried again.
inline constexpr std::chrono::days suppression_time{30};
// Further addresses are not kept: bounces come from outside.
inline constexpr std::size_t max_suppressions = 100'000;

struct Suppression {
  std::string address;  // in lower case
  Time since;
  std::string reason;  // what the other mail server said, escaped

  bool operator==(const Suppression&) const = default;
};

class Suppressions {
 public:
  // As ReportStore::open(), of the same file.
  static Result<Suppressions> open(const std::filesystem::path& file, store::Access access);
  Suppressions(Suppressions&&) noexcept;
  Suppressions& operator=(Suppressions&&) noexcept;
  ~Suppressions();

  // Those that have not ended at `now`, by address.
  Result<std::vector<Suppression>> active(Time now);
  // Adds it, or begins it again. Does nothing beyond max_suppressions.
  Result<void> add(const Suppression& suppression);
  // False where there is none.
  Result<bool> remove(const std::string& address);
  // Removes those that have ended at `now`.
  Result<void> forget_ended(Time now);

 private:
  struct Open;
  explicit Suppressions(std::unique_ptr<Open> open);
  std::unique_ptr<Open> open_;
};

}  // namespace starttls::tlsrptdb
