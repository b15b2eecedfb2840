// What `check` prints about one domain: for people, and for programs (policies/check-schema.json). As HTML:
// check_page.h.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "checkdb/known_domain.h"
#include "examination/facts.h"
#include "examination/finding.h"
#include "examination/judge.h"
#include "json/json_text.h"

namespace starttls::listtool {

struct Examined {
  examination::DomainFacts facts;
  examination::Findings findings;
  std::vector<examination::Verdict> verdicts;
};
Examined examine(examination::DomainFacts facts);

struct CheckStyle {
  bool colour = false;
  bool show_ok = false;          // also what is ok
  bool explain = false;          // the path of a delivery, step by step
  bool show_own_network = true;  // also what is about this host: smtp-own-network
};

// "fault", "cannot tell"
std::string_view shown(examination::Level level);

// Whether a finding is among those that the style shows.
bool is_shown(const examination::Finding& finding, CheckStyle style);

struct SubjectFindings {
  std::string subject;
  std::vector<const examination::Finding*> findings;  // not empty, the worst first
};

// Those that are shown, the subject with the worst first.
std::vector<SubjectFindings> by_subject(const Examined& examined, CheckStyle style);

// "1 fault, 0 warnings, 3 notes"
std::string summary(const Examined& examined);
std::size_t count(const Examined& examined, examination::Level level);

// In at most 80 columns, where no word is longer: the verdict for each kind of sender, then the findings by subject,
// the worst first.
std::string to_text(const Examined& examined, CheckStyle style);

// What has changed since the last examination: what is worse with reason and remedy, and what is better.
std::string to_text(const Examined& examined, const checkdb::CheckChanges& changes, CheckStyle style);

// One finding alone, below a heading.
std::string to_text(const examination::Finding& finding, std::string_view heading, CheckStyle style);

void to_json(json::JsonText& json, const Examined& examined);

}  // namespace starttls::listtool
