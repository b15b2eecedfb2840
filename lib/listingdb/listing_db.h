// What the publisher of a list keeps: the domains and their history, what the newest edition says, and mail that owners
// are still to get. One SQLite file. One process at a time changes it, which its user sees
// to.
//
//     observations -> save() -> entries, history -> difference() -> publish() -> the newest edition
//
// Errors are those of sqlite.h.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/result.h"
#include "listing/edition.h"
#include "listing/entry.h"
#include "sqlite/sqlite.h"

namespace starttls::listingdb {

// A domain, with what observations need beside its entry.
struct KeptEntry {
  listing::Entry entry;
  // Until then the MTA-STS policy of the last fetch is valid, whatever the DNS says; none where there was none.
  std::optional<Time> policy_until;
  std::string contact;              // where its owner gets mail: an address; "" as long as none is known
  std::vector<std::string> faults;  // codes, of the last observation
};

// Mail to an owner: the entry has begun to fail.
struct Notice {
  std::int64_t id = 0;
  DomainName domain;
  Time time;  // of the transition
  std::string evidence;
};

// One domain after something has happened to it; everything is saved at once, or nothing.
struct Change {
  KeptEntry kept;
  listing::Transitions transitions;  // a Notice follows from those that concern the owner
};

struct KeptEdition {
  std::uint64_t number = 0;  // from 1, each one more
  Time time;
  std::string hash;  // BLAKE2b-512 of the list, 128 lower-case hexadecimal digits
  std::size_t entries = 0;
  std::size_t added = 0;
  std::size_t removed = 0;
  std::size_t changed = 0;
  std::string note;  // of the publisher: why there was a rollback, or ""
};

// An entry of an edition: a domain and its MX patterns.
struct Published {
  DomainName domain;
  std::vector<std::string> mxs;
};
using SeePublished = std::function<Result<void>(const Published& entry)>;

enum class Content {
  published,  // the newest edition
  on_list,    // what is on the list by its state now
  pinned,     // what a rollback has pinned
};

class ListingDb {
 public:
  // Makes a new file for the list of this name. Fault::cannot_create where there is one.
  static Result<void> create(const std::filesystem::path& file, const std::string& list);
  // An existing file; what a killed process has left in it is rolled back. Fault::data where it is of another list.
  static Result<ListingDb> open(const std::filesystem::path& file, const std::string& list);

  Result<std::optional<KeptEntry>> find(const DomainName& domain);
  // Those that are not removed and were last observed before this time, or never: the longest ago first.
  Result<std::vector<KeptEntry>> due(Time before);
  // All of them by domain.
  Result<void> each(const std::function<void(const KeptEntry& kept)>& see);
  // Those that listing::expire() may change.
  Result<std::vector<KeptEntry>> expiring();
  // States without a domain are left out.
  Result<std::map<listing::State, std::size_t>> counts();
  Result<void> save(std::span<const Change> changes);

  // The newest last. Of a domain: all of it.
  Result<listing::Transitions> history(const DomainName& domain);
  // Of all domains: the newest first, at most so many.
  Result<listing::Transitions> recent(std::size_t max);

  // By domain; stops at an error, which it returns.
  Result<void> each_of(Content content, const SeePublished& see);
  Result<std::size_t> size_of(Content content);
  // From the newest edition to this content.
  Result<listing::Difference> difference(Content to);
  // Makes the content, with this record, the newest edition.
  Result<void> publish(const KeptEdition& edition, Content content);

  // What each edition contains from now on, whatever is observed: the content of that edition, given by `next`, which
  // returns nothing at the end.
  Result<void> pin(std::uint64_t edition, const std::function<Result<std::optional<Published>>()>& next);
  Result<void> unpin();
  Result<std::optional<std::uint64_t>> pinned();

  Result<std::optional<KeptEdition>> newest();
  Result<std::vector<KeptEdition>> editions(std::size_t max);  // the newest first

  // The oldest first.
  Result<std::vector<Notice>> notices();
  Result<void> remove_notice(std::int64_t id);

 private:
  explicit ListingDb(sqlite::Database database) : database_(std::move(database)) {}

  sqlite::Database database_;
};

}  // namespace starttls::listingdb
