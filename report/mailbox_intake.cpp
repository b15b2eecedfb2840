#include "report/mailbox_intake.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "base/user.h"
#include "imap/mailbox.h"
#include "mail/random_access_file.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_password = 1024;                            // bytes
constexpr std::size_t max_messages = 5'000;                           // of one run
constexpr std::size_t messages_at_once = 100;                         // are committed, and then marked
constexpr std::uint64_t max_message_size = std::uint64_t{64} << 20U;  // bytes

bool may_read(const struct stat& info) {
  if ((info.st_mode & S_IRWXO) != 0) return false;
  return (info.st_mode & S_IRWXG) == 0 || info.st_gid == 0 || is_member(info.st_gid);
}

imap::Stream stream_of(http::ImapConnection& connection) {
  return {.send = [&connection](std::string_view bytes) { return connection.send(bytes); },
          .receive = [&connection](std::span<char> into) { return connection.receive(into); }};
}

class MailboxReader {
 public:
  MailboxReader(Intake& intake, imap::Mailbox mailbox, std::string url, const MailboxSettings& settings)
      : intake_(intake), mailbox_(std::move(mailbox)), url_(std::move(url)), settings_(settings) {}

  Result<std::size_t> read() {
    const bool all = settings_.all || !settings_.move_to.empty();
    auto uids = TRY(mailbox_.find(all ? imap::Find::all : imap::Find::unseen));
    const std::size_t found = uids.size();
    uids.resize(std::min(found, max_messages));
    for (std::size_t at = 0; at < uids.size(); at += messages_at_once) {
      const auto begin = uids.begin() + static_cast<std::ptrdiff_t>(at);
      const auto count = static_cast<std::ptrdiff_t>(std::min(messages_at_once, uids.size() - at));
      TRY(read_some({begin, begin + count}));
    }
    mailbox_.log_out();
    return found - uids.size();
  }

 private:
  Result<void> read_some(const std::vector<std::uint32_t>& uids) {
    std::vector<std::uint32_t> done;
    for (const imap::Message& message : TRY(mailbox_.sizes(uids))) {
      if (TRY(read_one(message))) done.push_back(message.uid);
    }
    TRY(intake_.finish());
    if (done.empty() || !settings_.changes) return {};
    return settings_.move_to.empty() ? mailbox_.mark_seen(done) : mailbox_.move(done, settings_.move_to);
  }

  // False where it is gone.
  Result<bool> read_one(const imap::Message& message) {
    const std::string name = fmt::format("{};UID={}", url_, message.uid);
    if (message.size > max_message_size) {
      TRY(intake_.add_rejected({.name = name},
                               fmt::format("larger than the limit of {} bytes", max_message_size)));
      return true;
    }
    auto content = TRY(mailbox_.fetch(message.uid, max_message_size));
    if (!content) return false;
    const auto mail = TRY(mail::RandomAccessFile::of(std::move(*content), name));
    TRY(intake_.read_mail(name, mail));
    return true;
  }

  Intake& intake_;
  imap::Mailbox mailbox_;
  std::string url_;
  const MailboxSettings& settings_;
};

Result<std::size_t> read_folder(Intake& intake, const imap::MailboxUrl& url,
                                const MailboxSettings& settings) {
  auto connection = TRY(http::ImapConnection::open({.host = url.host,
                                                    .port = url.port,
                                                    .user = url.user,
                                                    .password = TRY(read_password(settings.password_file)),
                                                    .ca_file = settings.ca_file}));
  auto mailbox = TRY(imap::Mailbox::select(stream_of(connection), url.folder, settings.changes));
  // Before anything is read: else it would be read again and again.
  if (settings.changes && !settings.move_to.empty()) TRY(mailbox.check_move(settings.move_to));
  return MailboxReader(intake, std::move(mailbox), printable(url.text()), settings).read();
}

}  // namespace

Result<std::string> read_password(const std::filesystem::path& file) {
  const std::string name = printable(file.string());
  const UniqueFd fd = TRY(open_file(file, max_password));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return fail(Fault::io, "{}: {}", name, errno_text(errno));
  if (!may_read(info))
    return fail(Fault::config, "{}: other users can read the password in it; set its mode to 0600", name);
  std::string password = TRY(read_all(fd.get(), max_password, name));
  if (password.ends_with('\n')) password.pop_back();
  if (password.ends_with('\r')) password.pop_back();
  if (password.empty() || std::ranges::any_of(password, [](char one) { return one == '\0' || one == '\n'; }))
    return fail(Fault::config, "{}: it must have one line, the password", name);
  return password;
}

Result<std::size_t> read_mailbox(Intake& intake, const imap::MailboxUrl& url,
                                 const MailboxSettings& settings) {
  auto waiting = read_folder(intake, url, settings);
  if (waiting) return waiting;
  const std::string name = printable(url.text());
  const Error& error = waiting.error();
  return fail(error.fault, "{}: {}", name, error.message);
}

}  // namespace starttls::report
