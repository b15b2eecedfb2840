#include "smtp/dialogue.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/text.h"
#include "base/try.h"
#include "smtp/compression.h"

namespace starttls::smtp {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr int service_not_available = 421;
constexpr int mailbox_unavailable = 450;  // what greylisting and limits of rates answer
constexpr int closing = 221;
// RFC 5321 section 4.2.4: EHLO is not known, or not implemented.
constexpr int unknown_command = 500;
constexpr int not_implemented = 502;

milliseconds since(steady_clock::time_point begin) {
  return std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin);
}

std::string seconds_text(milliseconds time) {
  return fmt::format("{:g} s", std::chrono::duration<double>(time).count());
}

std::unexpected<Ended> ended(Stop stop, std::string reason) {
  return std::unexpected(Ended{stop, std::move(reason)});
}

bool is_deferral(int code) {
  return code == service_not_available || code == mailbox_unavailable;
}

bool offers_starttls(const std::vector<std::string>& extensions) {
  return std::ranges::find(extensions, "STARTTLS") != extensions.end();
}

// Completes the reason of an end: what was waited for, and for how long.
Ended explained(Ended end, std::string_view what, milliseconds patience, milliseconds whole) {
  if (end.stop == Stop::timeout && end.reason.empty())
    end.reason = fmt::format("no {} within {}", what, seconds_text(patience));
  if (end.stop == Stop::too_slow)
    end.reason = fmt::format("no whole {} within {}", what, seconds_text(whole));
  if (end.stop == Stop::closed) end.reason += fmt::format(" instead of the {}", what);
  return end;
}

// Whether the session may go on after the greeting or the reply to EHLO.
Outcome<> check_welcome(const Reply& reply, std::string_view in_what) {
  const std::string shown = fmt::format("{}: {}", in_what, reply.first_line());
  switch (reply.severity()) {
    case 2:
      return {};
    case 4:
      return ended(Stop::deferred, shown);
    case 5:
      return ended(Stop::rejected, shown);
    default:
      return ended(Stop::protocol, shown);
  }
}

}  // namespace

Dialogue::Dialogue(event::Loop& loop, TlsClients& clients, const ProbeLimits& limits,
                   const ProbeRequest& request)
    : limits_(limits), request_(request), clients_(clients), connection_(loop, limits) {
  facts_.address = request.address;
  facts_.port = request.port;
  facts_.sni = request.sni;
}

event::Task<ProbeFacts> Dialogue::run() {
  const auto begin = steady_clock::now();
  const Outcome<> end = co_await converse();
  if (!end) {
    facts_.stop = end.error().stop;
    facts_.reason = end.error().reason;
  }
  // Not before the greeting, and not in the clear after TLS has failed.
  const bool is_understood = facts_.greeting.has_value() && facts_.reached != Step::handshake;
  if (is_understood && facts_.stop != Stop::closed && facts_.stop != Stop::handshake) co_await quit();
  connection_.close();
  facts_.total_time = since(begin);
  co_return std::move(facts_);
}

event::Task<Outcome<>> Dialogue::converse() {
  CO_TRY(, co_await connect_and_greet());
  CO_TRY(, co_await say_hello());
  CO_TRY(, co_await start_tls());
  if (request_.offer_compression) co_return Outcome<>();
  CO_TRY(, co_await say_hello_inside_tls());
  facts_.reached = Step::quit;
  co_return Outcome<>();
}

event::Task<Outcome<>> Dialogue::connect_and_greet() {
  auto begin = steady_clock::now();
  const Outcome<> connected = co_await connection_.connect(request_.address, request_.port);
  if (!connected)
    co_return std::unexpected(explained(connected.error(), "connection", limits_.connect, limits_.whole));
  facts_.connect_time = since(begin);
  facts_.reached = Step::greeting;
  begin = steady_clock::now();
  CO_TRY(facts_.greeting =, co_await read_reply("greeting", limits_.silence));
  facts_.greeting_time = since(begin);
  co_return check_welcome(*facts_.greeting, "the greeting");
}

event::Task<Outcome<>> Dialogue::say_hello() {
  facts_.reached = Step::ehlo;
  CO_TRY(facts_.ehlo =, co_await ask(fmt::format("EHLO {}\r\n", request_.ehlo_name), "reply to EHLO"));
  if (facts_.ehlo->code == unknown_command || facts_.ehlo->code == not_implemented)
    co_return ended(Stop::no_starttls, "the server does not know EHLO: " + facts_.ehlo->first_line());
  const Outcome<> welcome = check_welcome(*facts_.ehlo, "the reply to EHLO");
  if (!welcome) co_return welcome;
  facts_.extensions = extensions(*facts_.ehlo);
  facts_.offers_starttls = offers_starttls(facts_.extensions);
  if (!facts_.offers_starttls) co_return ended(Stop::no_starttls, "the server does not offer STARTTLS");
  co_return Outcome<>();
}

event::Task<Outcome<>> Dialogue::start_tls() {
  auto client = clients_.create(request_);
  if (!client) co_return ended(Stop::local_error, client.error().message);
  facts_.reached = Step::starttls;
  const char* const command = request_.inject ? "STARTTLS\r\nNOOP\r\n" : "STARTTLS\r\n";
  CO_TRY(facts_.starttls =, co_await ask(command, "reply to STARTTLS"));
  const std::string shown = "the reply to STARTTLS: " + facts_.starttls->first_line();
  if (is_deferral(facts_.starttls->code)) co_return ended(Stop::deferred, shown);
  if (facts_.starttls->severity() != 2) co_return ended(Stop::starttls_rejected, shown);
  received_.clear();  // RFC 3207 section 4.2: nothing from before TLS counts

  facts_.reached = Step::handshake;
  if (request_.offer_compression) co_return co_await offer_compression(**client);
  const auto begin = steady_clock::now();
  const Outcome<> established = co_await connection_.start_tls(*std::move(client), request_.inject);
  if (!established) {
    Ended end = explained(established.error(), "TLS handshake", limits_.handshake, limits_.whole);
    if (end.stop == Stop::closed) end.stop = Stop::handshake;
    if (end.stop == Stop::handshake) facts_.tls_error = end.reason;
    co_return std::unexpected(std::move(end));
  }
  facts_.handshake_time = since(begin);
  facts_.tls = connection_.tls()->describe();
  co_return Outcome<>();
}

event::Task<Outcome<>> Dialogue::offer_compression(TlsClient& client) {
  std::ignore = client.handshake();
  auto hello = with_compression(client.take_to_send());
  if (!hello) co_return ended(Stop::local_error, "OpenSSL makes no ClientHello that can offer compression");
  const Outcome<ServerHello> answer = co_await connection_.exchange_hellos(*std::move(hello));
  if (!answer)
    co_return std::unexpected(explained(answer.error(), "ServerHello", limits_.handshake, limits_.whole));
  if (answer->state != ServerHello::State::read)
    co_return ended(Stop::handshake, "the server does not choose among what was offered");
  facts_.accepts_compression = answer->compression != static_cast<std::uint8_t>(Compression::null);
  co_return Outcome<>();
}

event::Task<Outcome<>> Dialogue::say_hello_inside_tls() {
  facts_.reached = Step::second_ehlo;
  Outcome<Reply> reply =
      co_await ask(fmt::format("EHLO {}\r\n", request_.ehlo_name), "reply to EHLO inside TLS");
  if (!reply) {
    // With TLS 1.3, a server reports what it dislikes when the client has already finished.
    if (reply.error().stop == Stop::handshake) facts_.tls_error = reply.error().reason;
    co_return std::unexpected(std::move(reply).error());
  }
  facts_.second_ehlo = *std::move(reply);
  if (request_.inject) {
    CO_TRY(, co_await find_injected_reply());
  }
  const Outcome<> welcome = check_welcome(*facts_.second_ehlo, "the reply to EHLO inside TLS");
  if (!welcome) co_return welcome;
  facts_.offers_starttls_inside_tls = offers_starttls(extensions(*facts_.second_ehlo));
  co_return Outcome<>();
}

// The NOOP was sent before TLS. If the server answers it, that reply comes first, and the one to EHLO only
// now: the next reply is not the one to QUIT.
event::Task<Outcome<>> Dialogue::find_injected_reply() {
  said_quit_ = true;
  CO_TRY(Reply next =, co_await ask("QUIT\r\n", "reply to QUIT"));
  if (next.code == closing || next.severity() != 2) {
    facts_.quit = std::move(next);
  } else {
    facts_.accepts_injected_command = true;
    facts_.second_ehlo = std::move(next);
  }
  co_return Outcome<>();
}

// Nobody waits for long: the facts are known.
event::Task<> Dialogue::quit() {
  const bool is_late = connection_.is_too_late();
  connection_.set_last_limit(is_late ? milliseconds{0} : limits_.quit);
  if (!said_quit_) {
    said_quit_ = true;
    if (!co_await connection_.write("QUIT\r\n")) co_return;
  }
  if (is_late) co_return;
  if (!facts_.quit) {
    Outcome<Reply> reply = co_await read_reply("reply to QUIT", limits_.quit);
    if (reply) facts_.quit = *std::move(reply);
  }
  if (facts_.quit && facts_.reached == Step::quit) facts_.reached = Step::done;
}

event::Task<Outcome<Reply>> Dialogue::ask(std::string command, std::string_view name) {
  Outcome<> written = co_await connection_.write(std::move(command));
  // A server that has closed may have said why.
  if (!written && written.error().stop != Stop::closed) co_return std::unexpected(std::move(written).error());
  Outcome<Reply> reply = co_await read_reply(name, limits_.silence);
  co_return reply;
}

event::Task<Outcome<Reply>> Dialogue::read_reply(std::string_view to, milliseconds patience) {
  ReplyReader reader(limits_.reply);
  for (;;) {
    received_.erase(0, reader.add(received_));
    if (reader.state() == ReplyReader::State::complete) co_return reader.reply();
    if (reader.state() == ReplyReader::State::malformed)
      co_return ended(Stop::protocol, fmt::format("the {}: {}", to, reader.error()));
    Outcome<std::string> bytes = co_await connection_.read(patience);
    if (!bytes) co_return std::unexpected(explained(std::move(bytes).error(), to, patience, limits_.whole));
    received_ += *bytes;
  }
}

}  // namespace starttls::smtp
