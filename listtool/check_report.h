// The output of `check`, domain by domain. Of a domain that waits for earlier ones only its text is kept. A page of HTML
// is printed at the end (check_page_file.h).
#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "base/result.h"
#include "checkdb/known_domain.h"
#include "examination/finding.h"
#include "listtool/check_output.h"
#include "listtool/check_page.h"
#include "listtool/check_page_file.h"

namespace starttls::listtool {

enum class CheckFormat { text, json, html };

// What is printed of one domain; nothing, if it is empty.
struct Rendered {
  std::string text;
  std::unique_ptr<PageRow> row;  // of a page
};

class CheckReport {
 public:
  // `domains`: how many there will be. What is about this host and not about a domain (smtp-own-network) is printed
  // once, at the end, where there are several; JSON has it at each domain.
  CheckReport(CheckFormat format, CheckStyle style, std::size_t domains, PageOrigin origin = {});

  // What add() prints of this domain, in the order of examination.
  Rendered render(const Examined& examined);
  // The same, of what has changed: empty if nothing has.
  Rendered render(const Examined& examined, const checkdb::CheckChanges& changes);
  // Of a domain that is not examined again, only its level counts.
  void leave_out(examination::Level level);

  // Prints what render() returned, in the order of the output.
  Result<void> add(Rendered rendered);
  Result<void> finish();

  // As examination::exit_status(), of all domains that were rendered.
  int exit_status() const;

 private:
  void count(examination::Level level);
  void count(const Examined& examined);
  // All of a domain; on the page, what has changed stands before it.
  Rendered render_whole(const Examined& examined, const checkdb::CheckChanges* changes);
  Result<void> finish_page();

  CheckFormat format_;
  CheckStyle style_;
  bool is_first_ = true;
  examination::Level worst_ = examination::Level::ok;
  PageContent page_;  // without rows
  CheckPageFile page_file_;
};

}  // namespace starttls::listtool
