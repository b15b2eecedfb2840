// Replies of SMTP servers (RFC 5321 section 4.2), read from bytes as they arrive. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace starttls::smtp {

struct Reply {
  int code = 0;          // 200 to 599
  std::string enhanced;  // the enhanced status code (RFC 3463) of the first line: "4.7.0"; "" without one
  std::vector<std::string> lines;  // the texts behind the codes, fit for a terminal, at least one

  // The hundreds of the code: 2 for success, 4 for a transient and 5 for a permanent failure.
  int severity() const { return code / 100; }
  // "421 4.7.0 Too many connections", of the first line.
  std::string first_line() const;
};

// RFC 5321 section 4.5.3.1.5 allows lines of 512 bytes; servers exceed that.
struct ReplyLimits {
  std::size_t max_line = 2'048;  // bytes of one line, with its end
  std::size_t max_lines = 100;
  std::size_t max_bytes = std::size_t{64} << 10U;
};

// Reads one reply, over several lines, of which only the last has a blank behind its code. The code is that
// of the last line, as in Postfix, should they differ. LF alone ends a line, too.
class ReplyReader {
 public:
  enum class State { incomplete, complete, malformed };

  explicit ReplyReader(ReplyLimits limits = {}) : limits_(limits) {}

  // Takes the next bytes up to the end of the reply, and returns how many those are: the rest belongs to the
  // next reply. Takes none once the reply is complete or malformed.
  std::size_t add(std::string_view bytes);

  State state() const { return state_; }
  // What was read so far.
  const Reply& reply() const { return reply_; }
  // A sentence, fit for a terminal, where it is malformed.
  const std::string& error() const { return error_; }

 private:
  void add_line(std::string_view line);
  void reject(std::string error);

  ReplyLimits limits_;
  State state_ = State::incomplete;
  std::string line_;  // the beginning of one that has not ended
  std::size_t bytes_ = 0;
  Reply reply_;
  std::string error_;
};

// The keywords of the extensions that a reply to EHLO offers (RFC 5321 section 4.1.1.1), upper case, in their
// order.
std::vector<std::string> extensions(const Reply& ehlo);

}  // namespace starttls::smtp
