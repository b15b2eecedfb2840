// One folder of a mailbox on an IMAP server (RFC 3501): which messages are there, what they contain, and marking or moving
// them (RFC 6851). Messages are named by their UIDs, so that other clients may work in the folder meanwhile.
//
// Errors: Fault::temporary where the connection breaks or the server ends it; Fault::permission where an IMAP folder may not be
// changed; Fault::unavailable where an IMAP folder does not exist, the server refuses a command or lacks an extension, or does
// not speak IMAP; those of the stream.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"
#include "imap/response.h"

namespace starttls::imap {

// A connection that is logged in. Both wait, within limits of their own.
struct Stream {
  std::function<Result<void>(std::string_view bytes)> send;
  // At least one byte, or an error.
  std::function<Result<std::size_t>(std::span<char> into)> receive;
};

enum class Find { unseen, all };

struct Message {
  std::uint32_t uid = 0;
  std::uint64_t size = 0;  // bytes, as the server says
};

class Mailbox {
 public:
  // Selects the folder. `changes`: whether it is to be changed; else its messages stay as they are.
  static Result<Mailbox> select(Stream stream, const std::string& folder, bool changes);

  // Whether move() to this folder can work: the server has MOVE, and the folder exists.
  Result<void> check_move(const std::string& folder);

  // In ascending order.
  Result<std::vector<std::uint32_t>> find(Find which);
  // The sizes of these; those that another client has removed meanwhile are missing.
  Result<std::vector<Message>> sizes(const std::vector<std::uint32_t>& uids);
  // The message in a nameless file, open for reading at any offset; none where it is gone. It is not marked as seen. A
  // message of more than `max_size` bytes is Fault::unavailable: the server has said another size.
  Result<std::optional<UniqueFd>> fetch(std::uint32_t uid, std::uint64_t max_size);

  // Messages that are gone meanwhile are ignored.
  Result<void> mark_seen(const std::vector<std::uint32_t>& uids);
  Result<void> move(const std::vector<std::uint32_t>& uids, const std::string& folder);

  // Ends the session; an error does not matter any more.
  void log_out();

 private:
  explicit Mailbox(Stream stream) : stream_(std::move(stream)) {}

  // What a command's responses are given to, but statuses.
  using Take = std::function<Result<void>(const Response& response)>;
  // Sends the command and reads up to its status.
  Result<Status> command(std::string_view text, const Take& take, const ResponseReader::TakeLiteral& literal,
                         ResponseLimits limits = {});
  // The same for commands that must succeed and whose responses do not matter. `what` is for the message.
  Result<void> must(std::string_view text, std::string_view what);
  Result<Response> read(const ResponseReader::TakeLiteral& literal, ResponseLimits limits);

  Stream stream_;
  std::string received_;  // bytes that are not read yet
  unsigned last_tag_ = 0;
  bool is_read_only_ = false;
};

}  // namespace starttls::imap
