// The database that results of handshakes are folded into: by day, recipient domain, policy and failure.
//
// As for inbound sessions (store/store.h): a fold adds the counts of segments and their ids in one transaction,
// so that each result counts exactly once. Every host that sends mail may write one store of PostgreSQL.
//
// What a day may take is limited. Once it has Limits::max_policies policies, or as many failures, no further
// ones are added: results under a new policy are left out, and counted in DayTotal::left_out; new failures are
// counted without their texts. A store that hosts share may pass the limit by the rows of one fold of each.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "outbound/counts.h"
#include "outbound/known_results.h"
#include "store/store.h"

namespace starttls::outbound {

using store::Access;
using store::Period;

struct Limits {
  std::uint64_t max_policies = 500'000;  // of a day; and so many failures
};

// Gets policies in the order of their domains. Those of one domain may come in any order, and one may come twice. Without
// it only the totals of the days are read.
using CountSink = std::function<Result<void>(const PolicyOfDay& of, const PolicyCount& count)>;

// Gets those of the segments that are in the counts, before the first policy.
using FoldedSink = std::function<Result<void>(const std::set<std::string>& segments)>;

struct Query {
  Period period;
  std::string domain;                 // only this recipient domain; "": all
  std::vector<std::string> segments;  // of which the answer says whether they are in the counts
};

using LeftOut = std::map<Day, std::uint64_t>;  // sessions; without days of which none was

class FoldTransaction {
 public:
  FoldTransaction() = default;
  FoldTransaction(const FoldTransaction&) = delete;
  FoldTransaction& operator=(const FoldTransaction&) = delete;
  virtual ~FoldTransaction() = default;

  virtual Result<bool> is_folded(const std::string& segment) = 0;
  // Adds the policies, within the limits, and sets their rows; adds `known` to rows that the store had. Returns how
  // many sessions of each day were left out; none where one of those rows is gone: the transaction must not be
  // committed then. To be called once: hosts that share the store add to their rows in the same order, so that none
  // waits for another one in a circle.
  virtual Result<std::optional<LeftOut>> add(AddedPolicies& policies, const std::vector<KnownCount>& known,
                                             const Limits& limits) = 0;
  virtual Result<void> add(const DayTotals& days) = 0;
  virtual Result<void> record(const std::string& segment, Time now) = 0;
  virtual Result<void> commit() = 0;
};

class Store {
 public:
  Store() = default;
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;
  virtual ~Store() = default;

  virtual Result<std::unique_ptr<FoldTransaction>> begin_fold() = 0;
  // Everything as of one moment. Returns the totals of the days.
  virtual Result<DayTotals> read(const Query& query, const FoldedSink& folded, const CountSink& take) = 0;
  // Forgets the ids of the writer's segments folded before the time.
  virtual Result<void> forget_segments(Time folded_before) = 0;
  // Removes the days before. Of the days before `texts_before`, removes the records, policy strings and MX hosts.
  // Returns how many days were removed. What somebody else uses stays, and can be removed later.
  virtual Result<std::size_t> prune(Day before, Day texts_before) = 0;
};

// As open_sqlite_store() and open_postgres_store() of store/store.h.
Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, Access access);
Result<std::unique_ptr<Store>> open_postgres_store(const std::string& url, const std::string& writer,
                                                   Access access);

}  // namespace starttls::outbound
