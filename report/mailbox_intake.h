// Reads reports from a mailbox on an IMAP server, for `read imaps://USER@HOST/FOLDER`.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"
#include "http/imap_connection.h"
#include "imap/url.h"
#include "report/intake.h"

namespace starttls::report {

struct MailboxSettings {
  std::filesystem::path password_file;
  std::filesystem::path ca_file;  // PEM; "": the authorities of the system
  std::string move_to;            // an IMAP folder; "": messages are marked as seen
  bool all = false;               // also messages that are seen; always so with `move_to`
  bool changes = true;            // false: messages are neither marked nor moved
};

// The password in a file, without the end of its line. Fault::config where it is empty, has more than a line, or can be
// read by users who are neither root nor in a group of this process; else as of read_file().
Result<std::string> read_password(const std::filesystem::path& file);

// Reads the messages of the folder, some thousand at most, and after each part of them is committed to the store, marks
// or moves it. A process that is killed in between reads them again, and they are duplicates. What is no report is kept
// as rejected, and marked or moved, too. Returns how many messages wait for another run. Errors as of ImapConnection,
// Mailbox, read_password() and Intake.
Result<std::size_t> read_mailbox(Intake& intake, const imap::MailboxUrl& url,
                                 const MailboxSettings& settings);

}  // namespace starttls::report
