#include "mtalog/failure_parser.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "mtalog/message.h"

namespace starttls::mtalog {
namespace {

using enum session::HandshakeFailure;

struct Wording {
  std::string_view words;
  session::HandshakeFailure failure;
};

// OpenSSL's texts. Alerts are logged as "sslv3 alert bad certificate" or "tlsv1 alert unknown ca". The first
// text that occurs in the reason decides.
constexpr std::array<Wording, 29> wordings{{
    {"alert unknown ca", unknown_ca},
    {"alert certificate expired", certificate_expired},
    {"alert bad certificate", bad_certificate},
    {"alert certificate unknown", certificate_refused},
    {"alert certificate revoked", certificate_refused},
    {"alert unsupported certificate", certificate_refused},
    {"alert access denied", certificate_refused},
    {"alert handshake failure", no_shared_cipher},
    {"alert insufficient security", no_shared_cipher},
    {"no shared cipher", no_shared_cipher},
    {"no shared signature algorithms", no_shared_cipher},
    {"no suitable signature algorithm", no_shared_cipher},
    {"no suitable key share", no_shared_cipher},
    {"no shared group", no_shared_cipher},
    {"unsupported protocol", unsupported_protocol},
    {"alert protocol version", unsupported_protocol},
    {"inappropriate fallback", unsupported_protocol},
    {"version too low", unsupported_protocol},
    {"version too high", unsupported_protocol},
    {"no protocols available", unsupported_protocol},
    {"wrong version number", not_tls},
    {"http request", not_tls},
    {"https proxy request", not_tls},
    {"unexpected eof", lost_connection},
    {"lost connection", lost_connection},
    {"Connection reset", lost_connection},
    {"timed out", lost_connection},
    {"timeout", lost_connection},
    {"Broken pipe", lost_connection},
}};

constexpr std::string_view connection = "connect from ";
constexpr std::string_view accept_error = "SSL_accept error from ";
constexpr std::string_view library_problem = "warning: TLS library problem: ";
constexpr std::string_view disconnect = "disconnect from ";
constexpr std::string_view sendmail_tls = "STARTTLS=server";
constexpr std::string_view without_mail = " did not issue MAIL/EXPN/VRFY/ETRN during connection to ";

// A command in the last line that Postfix logs about a session: "ehlo=2", "starttls=0/1".
struct Tried {
  std::uint32_t accepted = 0;
  std::uint32_t tried = 0;
};

Tried command_in(std::string_view counts, std::string_view name) {
  const std::string key = " " + std::string(name) + "=";
  const auto at = counts.find(key);
  if (at == std::string_view::npos) return {};
  std::string_view value = counts.substr(at + key.size());
  value = value.substr(0, value.find(' '));
  Tried command;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), command.accepted);
  if (error != std::errc()) return {};
  command.tried = command.accepted;
  if (end != value.data() + value.size() && *end == '/')
    std::from_chars(end + 1, value.data() + value.size(), command.tried);
  return command;
}

constexpr std::string_view smtpd = "/smtpd";

std::string service_name(std::string_view name) {
  constexpr std::size_t max_size = 100;
  return printable(name, max_size);
}

std::string_view postfix_service(const Line& line) {
  return line.program.substr(0, line.program.size() - smtpd.size());
}

}  // namespace

session::HandshakeFailure parse_failure_reason(std::string_view reason) {
  for (const auto& [words, failure] : wordings) {
    if (reason.find(words) != std::string_view::npos) return failure;
  }
  return other;
}

std::optional<session::LoggedFailure> FailureParser::add(const Line& line, Time time, std::uint64_t place) {
  if (line.process.empty()) return std::nullopt;
  if (line.program.size() > smtpd.size() && line.program.ends_with(smtpd))
    return add_postfix(line, time, place);
  return add_sendmail(line, time, place);
}

std::optional<session::LoggedFailure> FailureParser::add_postfix(const Line& line, Time time,
                                                                 std::uint64_t place) {
  const std::string_view message = line.message;
  if (message.starts_with(connection)) {
    ++session_lines_;
    take(line, time);  // forget failures of earlier steps, such as a certificate that could not be read
    begin_session(line, time);
  } else if (message.starts_with(accept_error)) {
    // "...: -1" gives no reason; the library's message follows.
    const std::string_view reason = message.substr(std::min(message.size(), message.rfind(": ")));
    Process& process = find_or_add(line, time, place);
    if (process.failure == none) process.failure = parse_failure_reason(reason);
  } else if (message.starts_with(library_problem)) {
    Process& process = find_or_add(line, time, place);
    // There may be several messages; the first is nearest to the cause.
    if (process.failure == none || process.failure == other) process.failure = parse_failure_reason(message);
  } else if (message.starts_with(disconnect)) {
    ++session_lines_;
    return judge_disconnect(line, time);
  }
  return std::nullopt;
}

std::optional<session::LoggedFailure> FailureParser::judge_disconnect(const Line& line, Time time) {
  const auto process = take(line, time);
  const session::HandshakeFailure logged = process ? process->failure : none;
  session::LoggedFailure found{
      .time = time, .service = service_name(postfix_service(line)), .begin = end_session(line)};
  const std::string_view rest = line.message.substr(disconnect.size());
  const auto end = rest.find(' ');
  found.client_address = address_in(rest.substr(0, end));
  if (found.client_address.empty()) return std::nullopt;
  const std::string_view counts = end == std::string_view::npos ? std::string_view() : rest.substr(end);
  const Tried starttls = command_in(counts, "starttls");
  const Tried mail = command_in(counts, "mail");
  // The milter has recorded this session with its TLS state. STARTTLS may have been refused, as it is inside
  // TLS.
  if (mail.accepted > 0) return std::nullopt;
  found.implicit_tls = starttls.tried == 0 && logged != none && command_in(counts, "commands").tried == 0;
  if (found.implicit_tls || (starttls.tried > 0 && starttls.accepted == 0)) {
    found.failure = logged == none ? other : logged;
    return found;
  }
  const std::uint32_t greetings = command_in(counts, "ehlo").tried + command_in(counts, "helo").tried;
  const bool nothing_followed = mail.tried == 0 && greetings <= 1;
  if (starttls.accepted == 0 || !nothing_followed) return std::nullopt;
  found.failure = logged == none || logged == other ? disconnected : logged;
  return found;
}

std::optional<session::LoggedFailure> FailureParser::add_sendmail(const Line& line, Time time,
                                                                  std::uint64_t place) {
  const std::string_view message = without_queue_id(line.message);
  if (message.starts_with(sendmail_tls)) {
    if (message.find("error: accept failed") != std::string_view::npos) {
      ++session_lines_;
      const std::string_view reason = between(message, "reason=", ",");
      // SSL_ERROR_SYSCALL: the connection is gone.
      const bool is_gone = reason == "unknown" && between(message, "SSL_error=", ",") == "5";
      take(line, time);
      find_or_add(line, time, place).failure = is_gone ? lost_connection : parse_failure_reason(reason);
    } else if (message.find(" version=") != std::string_view::npos) {
      // The handshake succeeded.
      ++session_lines_;
      take(line, time);  // forget an earlier process with this id that logged no last line
      find_or_add(line, time, place).failure = disconnected;
    }
  } else if (const auto at = message.find(without_mail); at != std::string_view::npos) {
    ++session_lines_;
    const auto process = take(line, time);
    std::string address = address_in(message.substr(0, at));
    if (!process || address.empty()) return std::nullopt;
    return session::LoggedFailure{.time = time,
                                  .client_address = std::move(address),
                                  .failure = process->failure,
                                  .service = service_name(trim(message.substr(at + without_mail.size()))),
                                  .begin = process->since};
  } else if (message.starts_with("from=<")) {
    // Postfix' queue manager writes such lines, too, but without a relay.
    if (message.find(", relay=") != std::string_view::npos) ++session_lines_;
    take(line, time);
  }
  return std::nullopt;
}

void FailureParser::begin_session(const Line& line, Time time) {
  // It matters little which begins are forgotten: the failures are still reported, without their begin.
  if (begins_.size() >= max_unfinished) begins_.clear();
  begins_.insert_or_assign(process_key(line), time);
}

std::optional<Time> FailureParser::end_session(const Line& line) {
  const auto found = begins_.find(process_key(line));
  if (found == begins_.end()) return std::nullopt;
  const Time begin = found->second;
  begins_.erase(found);
  return begin;
}

FailureParser::Process& FailureParser::find_or_add(const Line& line, Time time, std::uint64_t place) {
  ++lines_;
  forget_old(time);
  const auto [at, is_new] = unfinished_.try_emplace(process_key(line));
  if (is_new) {
    at->second.begin = place;
    at->second.line = lines_;
    at->second.since = time;
    by_begin_.emplace(place, at->first);
  }
  return at->second;
}

std::optional<FailureParser::Process> FailureParser::take(const Line& line, Time time) {
  forget_old(time);
  if (unfinished_.empty()) return std::nullopt;
  const auto found = unfinished_.find(process_key(line));
  if (found == unfinished_.end()) return std::nullopt;
  const Process process = found->second;
  forget(found);
  return process;
}

void FailureParser::forget(Processes::iterator process) {
  const auto [first, last] = by_begin_.equal_range(process->second.begin);
  for (auto at = first; at != last; ++at) {
    if (at->second != process->first) continue;
    by_begin_.erase(at);
    break;
  }
  unfinished_.erase(process);
}

void FailureParser::forget_old(Time now) {
  while (!by_begin_.empty()) {
    const auto oldest = unfinished_.find(by_begin_.begin()->second);
    const Process& process = oldest->second;
    const bool is_old = lines_ - process.line >= max_idle_lines || now - process.since > max_age;
    if (unfinished_.size() < max_unfinished && !is_old) break;
    forget(oldest);
  }
}

std::optional<std::uint64_t> FailureParser::first_needed() const {
  if (by_begin_.empty()) return std::nullopt;
  return by_begin_.begin()->first;
}

std::optional<Time> FailureParser::first_needed_time() const {
  if (by_begin_.empty()) return std::nullopt;
  return unfinished_.at(by_begin_.begin()->second).since;
}

}  // namespace starttls::mtalog
