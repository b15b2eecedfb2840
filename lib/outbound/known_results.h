// Which rows of the store datagrams belong to, so that one that comes again is neither read nor found by its texts.
//
// Nearly all results of a mail server are of one kind: one more success under the policy of an earlier one, in the same
// bytes. They are recognised by a hash, and counted here until their fold ends. A hash of 128 bits gives two datagrams
// of a day the same count once in 10^27 days of 500,000 datagrams. Who writes to the socket could make such a pair; but
// then any count can be written as well.
#pragma once

#include <tsl/robin_map.h>

#include <compare>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "outbound/result.h"
#include "store/row_key.h"

namespace starttls::outbound {

struct DatagramHash {
  std::uint64_t high = 0;
  std::uint64_t low = 0;

  bool operator==(const DatagramHash&) const = default;
};

DatagramHash hash_of(Source source, std::string_view datagram);

// Identifies a policy of a day.
struct PolicyId {
  Day day;
  store::RowDigest digest{};

  auto operator<=>(const PolicyId&) const = default;
};

// More successful sessions under a policy whose row the store has.
struct KnownCount {
  PolicyId policy;
  std::int64_t row = 0;  // by which the store finds it; 0 where it finds rows by the id of the policy
  std::uint64_t successful = 0;

  bool operator==(const KnownCount&) const = default;
};

// Not thread-safe.
class KnownResults {
 public:
  static constexpr std::size_t max_results = 200'000;  // 70 bytes each; further ones are not remembered

  KnownResults();

  // Counts one more of a datagram that is known; false where it is not. `day`: on which it was received.
  bool count(Day day, const DatagramHash& hash);

  // What was counted since the last time. Two datagrams of one policy are two counts.
  std::vector<KnownCount> take_counts();

  // Remembers a datagram of one success under the policy, once the store has its row. Only those of the latest day are
  // remembered.
  void remember(const DatagramHash& hash, const PolicyId& policy, std::int64_t row);

  // Forgets everything, and what was counted.
  void clear();

  bool empty() const { return known_.empty(); }

 private:
  struct Entry {
    std::uint32_t policy;  // its place in policies_
    std::uint32_t counted = 0;
  };
  struct Policy {
    store::RowDigest digest{};
    std::int64_t row = 0;
  };
  struct Hash {
    std::size_t operator()(const DatagramHash& hash) const { return hash.low; }
  };

  Day day_;
  // It is asked for each datagram, and with many domains in no order. So the count stands where it is found.
  tsl::robin_map<DatagramHash, Entry, Hash> known_;
  std::vector<Policy> policies_;
};

}  // namespace starttls::outbound
