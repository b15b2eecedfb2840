// TXT records as an administrator has them in a file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/finding.h"

namespace starttls::listtool {

// As much as a DNS message holds, with every byte escaped, several times over.
inline constexpr std::size_t txt_file_limit = std::size_t{1} << 20U;  // bytes

// A line a record: its bare text, or what dig(1) +short prints: strings in quotation marks, which are joined,
// with \" and \\ and \DDD in them (RFC 1035 section 5.1). Lines without text are no records.
struct TxtFile {
  std::vector<std::string> answer;  // the records, as a resolver would give them
  std::vector<Finding> findings;    // of lines that begin with a quotation mark but are no strings: refused

  // Where in the file that is, which is at a line (a record) and column (a byte) of the answer.
  Position to_file_position(Position in_answer) const;

  struct Origin {
    std::size_t line = 1;
    std::vector<std::size_t> columns;  // of each byte of the record, and of its end
  };
  std::vector<Origin> origins;  // of each record
};

TxtFile read_txt_file(std::string_view text);

}  // namespace starttls::listtool
