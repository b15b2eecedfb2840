#include "imap/mailbox.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/nameless_file.h"
#include "base/text.h"
#include "base/try.h"
#include "imap/mailbox_name.h"

namespace starttls::imap {
namespace {

constexpr std::size_t piece_size = std::size_t{64} << 10U;
constexpr std::size_t max_responses = 100'000;  // to one command
constexpr std::size_t max_found = 1'000'000;    // messages

Result<void> ignore(const Response&) {
  return {};
}

Result<void> drop(std::size_t, std::string_view) {
  return {};
}

std::unexpected<Error> malformed(std::string_view what) {
  return fail(Fault::unavailable, "the server does not speak IMAP as it should: {}", what);
}

std::unexpected<Error> malformed(const Error& error) {
  return malformed(error.message);
}

// "the server refuses SELECT: Mailbox does not exist"
std::unexpected<Error> refused(std::string_view what, const Status& status) {
  return fail(Fault::unavailable, "the server refuses {}: {}{}", what,
              status.code.empty() ? "" : "[" + status.code + "] ", status.text);
}

}  // namespace

Result<Response> Mailbox::read(const ResponseReader::TakeLiteral& literal, ResponseLimits limits) {
  ResponseReader reader(literal, limits);
  while (true) {
    received_.erase(0, TRY(reader.add(received_)));
    if (reader.state() == ResponseReader::State::complete) return reader.response();
    if (reader.state() == ResponseReader::State::malformed) return malformed(reader.error());
    received_.resize(piece_size);
    auto got = stream_.receive(received_);
    received_.resize(got ? *got : 0);
    if (!got) return std::unexpected(got.error());
  }
}

Result<Status> Mailbox::command(std::string_view text, const Take& take,
                                const ResponseReader::TakeLiteral& literal, ResponseLimits limits) {
  const std::string tag = fmt::format("T{}", ++last_tag_);
  TRY(stream_.send(fmt::format("{} {}\r\n", tag, text)));
  for (std::size_t count = 0; count < max_responses; ++count) {
    const Response response = TRY(read(literal, limits));
    auto status = parse_status(response);
    if (status && status->tag == tag) return std::move(*status);
    if (status && status->kind == Status::Kind::bye)
      return fail(Fault::temporary, "the server ends the connection: {}", status->text);
    if (status && status->tag == "*" && status->code == "READ-ONLY") is_read_only_ = true;
    if (!status) TRY(take(response));
  }
  return malformed("too many responses");
}

Result<void> Mailbox::must(std::string_view text, std::string_view what) {
  const Status status = TRY(command(text, ignore, drop));
  if (status.kind != Status::Kind::ok) return refused(what, status);
  return {};
}

Result<Mailbox> Mailbox::select(Stream stream, const std::string& folder, bool changes) {
  Mailbox mailbox(std::move(stream));
  const std::string name = TRY(quoted_mailbox_name(folder));
  const std::string_view verb = changes ? "SELECT" : "EXAMINE";
  const Status status = TRY(mailbox.command(fmt::format("{} {}", verb, name), ignore, drop));
  const std::string shown = printable(folder, 100);
  if (status.kind != Status::Kind::ok) return refused(fmt::format("the folder '{}'", shown), status);
  if (changes && (mailbox.is_read_only_ || status.code == "READ-ONLY"))
    return fail(Fault::permission, "the folder '{}' may not be changed", shown);
  return mailbox;
}

Result<void> Mailbox::check_move(const std::string& folder) {
  bool can_move = false;
  const auto take = [&](const Response& response) -> Result<void> {
    const auto words = parse_capabilities(response);
    if (words && std::ranges::find(*words, "MOVE") != words->end()) can_move = true;
    return {};
  };
  const Status status = TRY(command("CAPABILITY", take, drop));
  if (status.kind != Status::Kind::ok) return refused("CAPABILITY", status);
  if (!can_move) return fail(Fault::unavailable, "the server cannot move messages (MOVE, RFC 6851)");
  return must(fmt::format("STATUS {} (UIDNEXT)", TRY(quoted_mailbox_name(folder))),
              fmt::format("the folder '{}'", printable(folder, 100)));
}

Result<std::vector<std::uint32_t>> Mailbox::find(Find which) {
  std::vector<std::uint32_t> all;
  const auto take = [&](const Response& response) -> Result<void> {
    const auto found = parse_search(response);
    if (!found) return malformed(found.error());
    if (*found) all.insert(all.end(), (*found)->begin(), (*found)->end());
    if (all.size() > max_found) return malformed("too many messages");
    return {};
  };
  const Status status =
      TRY(command(which == Find::unseen ? "UID SEARCH UNSEEN" : "UID SEARCH ALL", take, drop));
  if (status.kind != Status::Kind::ok) return refused("SEARCH", status);
  std::ranges::sort(all);
  const auto repeated = std::ranges::unique(all);
  all.erase(repeated.begin(), repeated.end());
  return all;
}

Result<std::vector<Message>> Mailbox::sizes(const std::vector<std::uint32_t>& uids) {
  std::vector<Message> messages;
  const auto take = [&](const Response& response) -> Result<void> {
    const auto fetched = parse_fetch(response);
    if (!fetched) return malformed(fetched.error());
    // A server may tell of other messages at any time.
    if (!*fetched || !(*fetched)->uid || !(*fetched)->size) return {};
    const std::uint32_t uid = *(*fetched)->uid;
    if (std::ranges::binary_search(uids, uid) &&
        std::ranges::find(messages, uid, &Message::uid) == messages.end())
      messages.push_back({.uid = uid, .size = *(*fetched)->size});
    return {};
  };
  const Status status =
      TRY(command(fmt::format("UID FETCH {} (RFC822.SIZE)", sequence_set(uids)), take, drop));
  if (status.kind != Status::Kind::ok) return refused("FETCH", status);
  std::ranges::sort(messages, {}, &Message::uid);
  return messages;
}

Result<std::optional<UniqueFd>> Mailbox::fetch(std::uint32_t uid, std::uint64_t max_size) {
  UniqueFd content;  // of the literal of the current response
  std::optional<UniqueFd> found;
  const auto write = [&](std::string_view piece) -> Result<void> {
    if (!content) content = TRY(open_nameless_file("/tmp"));
    if (const int error = write_all(content.get(), piece); error != 0)
      return fail(write_fault(error), "a message cannot be kept: {}", errno_text(error));
    return {};
  };
  const auto take = [&](const Response& response) -> Result<void> {
    const auto fetched = parse_fetch(response);
    if (!fetched) return malformed(fetched.error());
    const bool is_it = *fetched && (*fetched)->uid == uid && ((*fetched)->body_literal || (*fetched)->body);
    if (is_it) {
      if (response.literals.size() > 1) return malformed("FETCH with more than was asked");
      TRY(write((*fetched)->body.value_or("")));
      found = std::exchange(content, UniqueFd());
    }
    content.reset();
    return {};
  };
  ResponseLimits limits;
  limits.max_literal = max_size;
  limits.max_literals = 1;
  const Status status = TRY(command(
      fmt::format("UID FETCH {} (BODY.PEEK[])", uid), take,
      [&](std::size_t, std::string_view piece) { return write(piece); }, limits));
  if (status.kind != Status::Kind::ok) return refused("FETCH", status);
  return found;
}

Result<void> Mailbox::mark_seen(const std::vector<std::uint32_t>& uids) {
  return must(fmt::format("UID STORE {} +FLAGS.SILENT (\\Seen)", sequence_set(uids)), "STORE");
}

Result<void> Mailbox::move(const std::vector<std::uint32_t>& uids, const std::string& folder) {
  return must(fmt::format("UID MOVE {} {}", sequence_set(uids), TRY(quoted_mailbox_name(folder))),
              fmt::format("MOVE to the folder '{}'", printable(folder, 100)));
}

void Mailbox::log_out() {
  (void)stream_.send(fmt::format("T{} LOGOUT\r\n", ++last_tag_));
}

}  // namespace starttls::imap
