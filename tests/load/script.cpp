#include "load/script.h"

#include <initializer_list>
#include <string_view>
#include <utility>

namespace starttls::load {
namespace {

using Macro = std::pair<std::string, std::string_view>;  // name, value

std::string terminated(std::string_view text) {
  return std::string(text) + '\0';
}

class Writer {
 public:
  explicit Writer(const Negotiation& agreed) : agreed_(agreed) {}

  // Sends a macro packet even for a step that the filter does not want, as both MTAs do.
  void macros(Stage stage, char command, std::initializer_list<Macro> macros) {
    std::string data(1, command);
    for (const auto& [name, value] : macros) {
      if (value.empty() || !agreed_.wants_macro(stage, name)) continue;
      data += terminated(name);
      data += terminated(value);
    }
    append_packet(dialogue_.bytes, command::macros, data);
  }

  void step(char command, std::string_view data, bool answered) {
    append_packet(dialogue_.bytes, command, data);
    dialogue_.steps.push_back({.end = dialogue_.bytes.size(), .answered = answered, .message = message_});
  }

  void step_unless(std::uint32_t unwanted, std::uint32_t unanswered, char command, std::string_view data) {
    if (!agreed_.has(unwanted)) step(command, data, !agreed_.has(unanswered));
  }

  void begin_message() { message_ = ++messages_; }
  void end_message() { message_ = 0; }

  Dialogue finish() {
    step(command::quit, {}, false);
    return std::move(dialogue_);
  }

 private:
  const Negotiation& agreed_;
  Dialogue dialogue_;
  int messages_ = 0;
  int message_ = 0;
};

void connect(Writer& out, const Script& script) {
  out.macros(Stage::connect, command::connect,
             {{"j", script.receiving_mx},
              {"{client_name}", script.client_name},
              {"{client_addr}", script.client_address},
              {"{daemon_name}", script.receiving_mx}});
  constexpr std::string_view port("\x80\x01", 2);
  std::string data = terminated(script.client_name);
  data += '4';
  data += port;
  data += terminated(script.client_address);
  out.step_unless(flag::no_connect, flag::unanswered_connect, command::connect, data);
}

void tls_macros(Writer& out, Stage stage, char command, const std::optional<Tls>& tls) {
  const Tls shown = tls.value_or(Tls());
  out.macros(stage, command,
             {{"{tls_version}", shown.version},
              {"{cipher}", shown.cipher},
              {"{cipher_bits}", shown.bits},
              {"{cert_subject}", shown.cert_subject}});
}

void helo(Writer& out, const Script& script, const std::optional<Tls>& tls) {
  tls_macros(out, Stage::helo, command::helo, tls);
  out.step_unless(flag::no_helo, flag::unanswered_helo, command::helo, terminated(script.helo));
}

void message(Writer& out, const Script& script, const Message& message) {
  out.begin_message();
  tls_macros(out, Stage::mail, command::mail, script.tls);
  out.step_unless(flag::no_mail, flag::unanswered_mail, command::mail,
                  terminated("<" + message.sender + ">"));
  for (const std::string& recipient : message.recipients) {
    out.macros(Stage::recipient, command::recipient, {{"{rcpt_addr}", recipient}});
    out.step_unless(flag::no_recipient, flag::unanswered_recipient, command::recipient,
                    terminated("<" + recipient + ">"));
  }
  if (message.accepted) {
    out.macros(Stage::end_of_message, command::end_of_message, {{"i", "4XyZ1a2b3c"}});
    out.step(command::end_of_message, {}, true);
  } else {
    out.step(command::abort, {}, false);
  }
  out.end_message();
}

}  // namespace

Dialogue dialogue_of(const Script& script, const Negotiation& agreed) {
  Writer out(agreed);
  connect(out, script);
  helo(out, script, std::nullopt);
  if (script.tls) {
    out.step(command::abort, {}, false);  // as Postfix sends it when TLS begins
    helo(out, script, script.tls);
  }
  for (const Message& each : script.messages) message(out, script, each);
  return out.finish();
}

}  // namespace starttls::load
