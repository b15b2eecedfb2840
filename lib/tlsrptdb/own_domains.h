// What the last lookup of our own policy domains found: their MX hosts, and what they publish. It is stored
// beside the reports, so that commands without lookups can use it, and so that a removed record differs
// from one that never existed.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "store/store.h"

namespace starttls::tlsrptdb {

struct SeenMxHost {
  std::string policy_domain;
  std::string host;
  Time seen;  // last
};

// Something that a policy domain published, by its kind: "tlsrpt-record", "mta-sts-record", "mta-sts-policy".
struct Publication {
  std::string policy_domain;
  std::string kind;
  Time seen;                   // last
  std::optional<Time> missed;  // when it was first found missing; none: it is published

  bool operator==(const Publication&) const = default;
};

class OwnDomains {
 public:
  // As ReportStore::open(), of the same file.
  static Result<OwnDomains> open(const std::filesystem::path& file, store::Access access);
  OwnDomains(OwnDomains&&) noexcept;
  OwnDomains& operator=(OwnDomains&&) noexcept;
  ~OwnDomains();

  Result<std::vector<SeenMxHost>> mx_hosts();
  Result<void> keep(const SeenMxHost& host);
  // Removes hosts that were last seen before.
  Result<void> forget_mx_hosts(Time seen_before);

  Result<std::vector<Publication>> publications();
  Result<void> keep(const Publication& publication);
  Result<void> forget(const Publication& publication);

 private:
  struct Open;
  explicit OwnDomains(std::unique_ptr<Open> open);
  std::unique_ptr<Open> open_;
};

}  // namespace starttls::tlsrptdb
