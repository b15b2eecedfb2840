// Responses of IMAP servers (RFC 3501 section 7), read from bytes as they arrive. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace starttls::imap {

// "* 12 FETCH (UID 5 BODY[] {37})": a line, in which "{37}" stands for a literal of so many bytes, whose content is not
// in it.
struct Response {
  std::string text;                     // without CRLF
  std::vector<std::uint64_t> literals;  // their sizes, in their order
};

struct ResponseLimits {
  std::size_t max_text = std::size_t{4} << 20U;  // bytes; what SEARCH finds is one line
  std::size_t max_literals = 20;
  std::uint64_t max_literal = std::uint64_t{64} << 20U;  // bytes of one
};

// Reads one response. LF alone ends a line, too.
class ResponseReader {
 public:
  enum class State { incomplete, complete, malformed };
  // Gets the content of literal number `index`, from 0, piece by piece. An error ends the reading.
  using TakeLiteral = std::function<Result<void>(std::size_t index, std::string_view piece)>;

  explicit ResponseReader(TakeLiteral take, ResponseLimits limits = {})
      : take_(std::move(take)), limits_(limits) {}

  // Takes the next bytes up to the end of the response, and returns how many those are: the rest belongs to the next
  // one. Takes none once it is complete or malformed. The error is that of TakeLiteral.
  Result<std::size_t> add(std::string_view bytes);

  State state() const { return state_; }
  const Response& response() const { return response_; }
  const std::string& error() const { return error_; }  // a sentence, where it is malformed

 private:
  void end_line();
  void reject(std::string error);

  TakeLiteral take_;
  ResponseLimits limits_;
  State state_ = State::incomplete;
  Response response_;
  std::size_t line_ = 0;          // where in the text the current line begins
  std::uint64_t in_literal_ = 0;  // bytes that the current literal still has
  std::string error_;
};

// What a response says of a command or of the connection (RFC 3501 section 7.1).
struct Status {
  enum class Kind { ok, no, bad, bye };
  std::string tag;  // of the command; "*" of none
  Kind kind = Kind::ok;
  std::string
      code;  // in brackets, in upper case up to the first blank: "TRYCREATE", "UIDVALIDITY 7", fit for a terminal; "" without one
  std::string text;  // for people, fit for a terminal
};

// None where the response is another one.
std::optional<Status> parse_status(const Response& response);

// The words of "* CAPABILITY ...", in upper case. None where the response is another one.
std::optional<std::vector<std::string>> parse_capabilities(const Response& response);

// The numbers of "* SEARCH ..." as UIDs; none where the response is another one. Fault::data where one of them is no
// number from 1 to 4294967295.
Result<std::optional<std::vector<std::uint32_t>>> parse_search(const Response& response);

// What was asked of one message.
struct Fetched {
  std::optional<std::uint32_t> uid;
  std::optional<std::uint64_t> size;        // RFC822.SIZE
  std::optional<std::size_t> body_literal;  // the literal that is BODY[]
  std::optional<std::string> body;          // BODY[] where it is no literal, but a string in quotes
};

// Of "* 12 FETCH (...)"; none where the response is another one. Other items are skipped. Fault::data where it is
// malformed.
Result<std::optional<Fetched>> parse_fetch(const Response& response);

// "1:3,7,9:10" of UIDs in ascending order (RFC 3501 section 9, sequence-set).
std::string sequence_set(const std::vector<std::uint32_t>& uids);

}  // namespace starttls::imap
