// Differences between the MTA-STS policies that reporters saw and those that are published now. Pure.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "report/parsing.h"
#include "report/published.h"

namespace starttls::report {

// A policy that differs from the published one.
struct Drift {
  std::string policy_domain;
  std::string reporter;
  Day day;                             // of the report
  std::vector<std::string> seen;       // policy strings (RFC 8460 section 4.4)
  std::vector<std::string> published;  // empty: no policy
};

// The policies in the newest report about each of our policy domains.
class SeenPolicies {
 public:
  void add(const Input& input);

  std::set<std::string> domains() const;
  // Differences in blanks, case and the order of the lines are ignored. Domains whose lookup failed, and
  // those with usable TLSA records, are left out.
  std::vector<Drift> drifts(const PublishedPolicies& published) const;

 private:
  std::map<std::string, Drift> newest_;  // by policy domain; without `published`
};

}  // namespace starttls::report
