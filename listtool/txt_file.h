// TXT records that an administrator has in a file.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/finding.h"

namespace starttls::listtool {

// Several times the size of a DNS message in which every byte is escaped.
inline constexpr std::size_t txt_file_limit = std::size_t{1} << 20U;  // bytes

// One record on each line: its bare text, or the output of dig(1) +short, which is strings in quotation
// marks, which are joined, with \" and \\ and \DDD in them (RFC 1035 section 5.1). Lines without text are
// ignored.
struct TxtFile {
  std::vector<std::string> answer;  // the records, as a resolver would return them
  std::vector<Finding> findings;    // of lines that start with a quotation mark but are invalid

  // The position in the file, for a position in the answer: line (a record) and column (a byte).
  Position to_file_position(Position in_answer) const;

  struct Origin {
    std::size_t line = 1;
    std::vector<std::size_t> columns;  // of each byte of the record, and of its end
  };
  std::vector<Origin> origins;  // of each record
};

TxtFile read_txt_file(std::string_view text);

}  // namespace starttls::listtool
