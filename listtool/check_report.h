// The output of `check`, domain by domain. Of a domain that waits for earlier ones only its text is kept.
#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "base/result.h"
#include "examination/finding.h"
#include "listtool/check_output.h"
#include "listtool/check_state.h"

namespace starttls::listtool {

enum class CheckFormat { text, json };

class CheckReport {
 public:
  // `domains`: how many there will be. What is about this host and not about a domain (smtp-own-network) is printed
  // once, at the end, where there are several; JSON has it at each domain.
  CheckReport(CheckFormat format, CheckStyle style, std::size_t domains);

  // What add() prints of this domain, in the order of examination.
  std::string render(const Examined& examined);
  // The same, of what has changed: "" if nothing has.
  std::string render(const Examined& examined, const CheckChanges& changes);
  // Of a domain that is not examined again, only its level counts.
  void count(examination::Level level);

  // Prints what render() returned, in the order of the output; nothing for "".
  Result<void> add(const std::string& rendered);
  Result<void> finish();

  // As examination::exit_status(), of all domains that were rendered.
  int exit_status() const;

 private:
  struct OwnNetwork {
    examination::Finding finding;
    std::size_t domains = 0;
  };
  void collect_own_network(const Examined& examined);

  CheckFormat format_;
  CheckStyle style_;
  bool is_first_ = true;
  examination::Level worst_ = examination::Level::ok;
  std::map<std::string, OwnNetwork> own_network_;  // by what was seen
};

}  // namespace starttls::listtool
