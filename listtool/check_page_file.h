// Puts the page of `check --html` together. What was found of each domain waits in a temporary file, and only its row is
// in memory: the page begins with figures and a table that are complete when the last domain has been examined.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "listtool/check_page.h"

namespace starttls::listtool {

class CheckPageFile {
 public:
  // In the order of the domains. Fault::cannot_create, Fault::io where the temporary file cannot be written.
  Result<void> add(PageRow row, std::string_view html);

  // Prints the page: the worst domains first, and else in their order. `content` is without its rows.
  Result<void> print_page(PageContent content);

 private:
  struct Part {
    PageRow row;
    std::uint64_t offset = 0;  // of its HTML in the file
    std::uint64_t size = 0;
  };
  Result<void> print_part(const Part& part) const;

  UniqueFd file_;
  std::uint64_t size_ = 0;
  std::vector<Part> parts_;
};

}  // namespace starttls::listtool
