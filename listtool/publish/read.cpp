// starttls-listtool publish read: takes reports about deliveries to the domains of the list.

#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "base/console.h"
#include "base/counted.h"
#include "base/log.h"
#include "base/text.h"
#include "base/try.h"
#include "command/alias.h"
#include "json/json_text.h"
#include "listtool/commands.h"
#include "listtool/publish/reports.h"
#include "mail/maildir.h"
#include "mail/random_access_file.h"
#include "tlsrpt/container.h"

namespace starttls::listtool::publish {
namespace {

namespace fs = std::filesystem;

struct Values {
  std::vector<fs::path> inputs;
};

void declare(Options& options, Values& values) {
  options
      .arguments(
          "FILE", values.inputs,
          "JSON, gzip, a mail, an mbox, a Maildir or a directory of such files; '-': one mail on standard "
          "input")
      .required();
}

struct Totals {
  std::size_t read = 0;
  std::size_t duplicates = 0;
  std::size_t rejected = 0;
  std::size_t left_out = 0;
  std::uint64_t sessions = 0;  // with domains of the list
  std::uint64_t failed = 0;
};

class Reading {
 public:
  Reading(const Context& context, ReportTaker& taker) : context_(context), taker_(taker) {}

  Result<void> read(const std::string& path) {
    std::error_code none;
    if (path == "-" || !fs::is_directory(path, none)) return read_file(path);
    const auto files = mail::list_mails(path);
    if (!files) return reject(printable(path), files.error().message);
    for (const std::string& file : *files) TRY(read_file(file));
    return {};
  }
  const Totals& totals() const { return totals_; }
  const std::string& lines() const { return lines_; }

 private:
  Result<void> read_file(const std::string& path) {
    const std::string name = path == "-" ? "standard input" : printable(path);
    const auto source = mail::RandomAccessFile::open(path, tlsrpt::standard_input_limit);
    // A mail on standard input that cannot be kept for now is sent again.
    if (!source && path == "-" && source.error().fault != Fault::data) return std::unexpected(source.error());
    if (!source) return reject(name, source.error().message);
    Result<void> done;
    const auto whole = tlsrpt::for_each_document(
        *source,
        [&](const tlsrpt::Location& location, const Result<ReadBytes>& document) {
          if (!done) return;
          const std::string place =
              location.message > 0 ? fmt::format("{}: mail {}", name, location.message) : name;
          done = document ? take(place, *document) : reject(place, document.error().message);
        },
        path == "-" ? tlsrpt::FromLine::begins_mail : tlsrpt::FromLine::begins_mailbox);
    TRY(std::move(done));
    return whole ? Result<void>() : reject(name, whole.error().message);
  }

  Result<void> take(const std::string& name, const ReadBytes& document) {
    const auto read = TRY(taker_.take(document));
    if (!read) return reject(name, read.error().message);
    ++(read->is_new ? totals_.read : totals_.duplicates);
    if (read->is_new) {
      totals_.sessions += read->sessions;
      totals_.failed += read->failed;
      totals_.left_out += read->left_out;
    }
    const std::string line =
        fmt::format("{}: {}, {}: {} of the list, {}, {} failed{}", name, read->reporter, to_string(read->day),
                    counted(read->domains, "domain"), counted(read->sessions, "session"), read->failed,
                    read->is_new ? "" : "; read before");
    if (context_.log == LogTarget::syslog) log_info("{}", line);
    lines_ += line + '\n';
    return {};
  }

  Result<void> reject(const std::string& name, const std::string& reason) {
    ++totals_.rejected;
    const std::string message = reason.starts_with(name) ? reason : fmt::format("{}: {}", name, reason);
    if (context_.log == LogTarget::syslog) {
      log_warning("rejected: {}", message);
    } else {
      print_error(program, message);
    }
    return {};
  }

  const Context& context_;
  ReportTaker& taker_;
  Totals totals_;
  std::string lines_;
};

std::string to_json(const Totals& totals) {
  json::JsonText json;
  json.begin_object();
  json.member("read", totals.read);
  json.member("duplicates", totals.duplicates);
  json.member("rejected", totals.rejected);
  json.member("sessions", totals.sessions);
  json.member("failed", totals.failed);
  json.end_object();
  return json.take();
}

Result<int> run(const Values& values, const Context& context) {
  ReportTaker taker = TRY(ReportTaker::open(context));
  Reading reading(context, taker);
  for (const fs::path& input : values.inputs) TRY(reading.read(input.string()));
  const Totals& totals = reading.totals();
  if (totals.left_out > 0) {
    command::warn(context, fmt::format("{} left out: there are more reporters than are kept",
                                       counted(totals.left_out, "domain of a report")));
  }
  if (context.json) {
    TRY(print(to_json(totals)));
  } else if (!context.quiet) {
    TRY(print(reading.lines()));
  }
  return totals.rejected > 0 ? static_cast<int>(Fault::data) : 0;
}

Result<int> run_around(const Values& values, const command::CommandContext& context,
                       const command::Body& body) {
  return command::run_around_alias(values.inputs, context, body);
}

}  // namespace

Command read_command() {
  return make_command({.name = "publish read",
                       .summary = "Read reports of others about deliveries to the domains of the list",
                       .example = "starttls-listtool publish read ~/Maildir/.reports"},
                      declare, run, nullptr, run_around);
}

}  // namespace starttls::listtool::publish
