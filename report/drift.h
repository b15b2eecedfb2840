// MTA-STS policies as reporters saw them, beside those that are published now.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "report/parsing.h"
#include "report/published.h"

namespace starttls::report {

// A policy that is another one by now.
struct Drift {
  std::string policy_domain;
  std::string reporter;
  Day day;                             // of the report
  std::vector<std::string> seen;       // policy strings
  std::vector<std::string> published;  // empty: none
};

// What the newest reports saw.
class SeenPolicies {
 public:
  void add(const Input& input);

  std::set<std::string> domains() const;
  // Those that differ. What cannot be told now is left out. Blanks and the order of the lines do not count.
  std::vector<Drift> drifts(const PublishedPolicies& published) const;

 private:
  std::map<std::string, Drift> newest_;  // by policy domain; nothing is published in it
};

}  // namespace starttls::report
