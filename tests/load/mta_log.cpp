#include "load/mta_log.h"

#include <fmt/format.h>

#include <array>
#include <stdexcept>
#include <utility>
#include <vector>

namespace starttls::load {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kept = 5;  // renamed files

std::string line_of(Time time, std::size_t process, std::string_view message) {
  std::string stamp = to_rfc3339(time);
  stamp.pop_back();  // "Z"
  return fmt::format("{}+00:00 mx postfix/smtpd[{}]: {}\n", stamp, process, message);
}

// OpenSSL's message, as in the log of Postfix 3.7; empty if there is none.
std::string_view library_problem(std::string_view failure) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 5> problems{{
      {"unknown-ca",
       "error:0A000418:SSL routines::tlsv1 alert unknown ca:../ssl/record/rec_layer_s3.c:1584:SSL alert "
       "number 48:"},
      {"certificate-expired",
       "error:0A000415:SSL routines::sslv3 alert certificate expired:../ssl/record/rec_layer_s3.c:1584:SSL "
       "alert "
       "number 45:"},
      {"no-shared-cipher", "error:0A0000C1:SSL routines::no shared cipher:../ssl/statem/statem_srvr.c:2220:"},
      {"unsupported-protocol",
       "error:0A000102:SSL routines::unsupported protocol:../ssl/statem/statem_srvr.c:1657:"},
      {"not-tls", "error:0A00010B:SSL routines::wrong version number:../ssl/record/ssl3_record.c:354:"},
  }};
  for (const auto& [word, problem] : problems) {
    if (word == failure) return problem;
  }
  return {};
}

std::vector<std::string> messages_of(const std::string& who, std::string_view failure) {
  if (failure == "disconnected") {
    return {"connect from " + who,
            "Anonymous TLS connection established from " + who +
                ": TLSv1.3 with cipher TLS_AES_256_GCM_SHA384 (256/256 bits)",
            "disconnect from " + who + " ehlo=1 starttls=1 quit=1 commands=3"};
  }
  const std::string_view problem = library_problem(failure);
  std::vector<std::string> messages{
      "connect from " + who,
      fmt::format("SSL_accept error from {}: {}", who, problem.empty() ? "lost connection" : "-1")};
  if (!problem.empty()) messages.push_back(fmt::format("warning: TLS library problem: {}", problem));
  messages.push_back("lost connection after STARTTLS from " + who);
  messages.push_back("disconnect from " + who + " ehlo=1 starttls=0/1 commands=1/2");
  return messages;
}

}  // namespace

MtaLog::MtaLog(fs::path file) : file_(std::move(file)), out_(file_, std::ios::app) {
  write(line_of(Time{}, 1, "nothing of interest"));
}

void MtaLog::tell(const Script& script, std::string_view failure, Time time, std::chrono::microseconds lag) {
  const std::string who = fmt::format("{}[{}]", script.client_name, script.client_address);
  // Postfix uses a process again only after its lines are written; here every session has its own process.
  const std::size_t process = 1000 + sessions_++;
  auto due = Steady::now();
  for (const std::string& message : messages_of(who, failure)) {
    pending_.emplace(due, line_of(time, process, message));
    due += lag / 4;
  }
}

void MtaLog::write_due() {
  const auto now = Steady::now();
  while (!pending_.empty() && pending_.begin()->first <= now) {
    write(pending_.begin()->second);
    pending_.erase(pending_.begin());
  }
  out_.flush();
}

void MtaLog::write_all() {
  for (const auto& [due, line] : pending_) write(line);
  pending_.clear();
  out_.flush();
}

void MtaLog::write(const std::string& line) {
  if (is_renamed_ && late_-- == 0) {
    out_.close();
    out_.open(file_, std::ios::app);
    is_renamed_ = false;
  }
  out_ << line;
  if (!out_) throw std::runtime_error("cannot write " + file_.string());
}

fs::path MtaLog::renamed(std::size_t number) const {
  return file_.string() + "." + std::to_string(number);
}

void MtaLog::rotate(std::size_t late) {
  if (is_renamed_) return;  // the last renaming is not finished yet
  out_.flush();
  for (std::size_t number = kept; number > 1; --number) {
    std::error_code none;
    fs::rename(renamed(number - 1), renamed(number), none);
  }
  fs::rename(file_, renamed(1));
  is_renamed_ = true;
  late_ = late;
  ++rotations_;
}

}  // namespace starttls::load
