#include "milter/callbacks.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <array>
#include <exception>
#include <string>

#include "base/log.h"
#include "milter/libmilter_socket.h"
#include "milter/negotiation.h"

namespace starttls::milter {
namespace {

using Entry = OpenConnections::Entry;

// libmilter passes no pointer of ours to xxfi_connect, which therefore uses this one.
OpenConnections* connections = nullptr;

std::string_view macro(SMFICTX* context, const char* name) {
  // libmilter's parameter is not const, but libmilter does not write there.
  const char* value = smfi_getsymval(context, const_cast<char*>(name));
  return value != nullptr ? std::string_view(value) : std::string_view();
}

TlsMacros tls_macros(SMFICTX* context) {
  // For each name, libmilter searches all macros of all steps. Most steps have no TLS, so check the version
  // first.
  const std::string_view version = macro(context, "{tls_version}");
  if (version.empty()) return {};
  return {.version = version,
          .cipher = macro(context, "{cipher}"),
          .bits = macro(context, "{cipher_bits}"),
          .cert_subject = macro(context, "{cert_subject}"),
          .verify = macro(context, "{verify}")};
}

std::string address_text(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address == nullptr) return {};
  const void* bytes = nullptr;
  if (address->sa_family == AF_INET) {
    bytes = &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
  } else if (address->sa_family == AF_INET6) {
    bytes = &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  }
  if (bytes == nullptr || ::inet_ntop(address->sa_family, bytes, text.data(), text.size()) == nullptr)
    return {};
  return text.data();
}

// Mail must not stop after a failure of ours. A daemon that stops accepts the rest of a connection or
// message, so that the MTA continues without the milter instead of failing.
sfsistat go_on() {
  return connections->finished() ? SMFIS_ACCEPT : SMFIS_CONTINUE;
}

void log_failure(std::string_view what, const std::exception& e) noexcept {
  static OncePerMinute log;
  if (log.permit(system_clock()())) log_error("{}: {}; mail is not affected", what, e.what());
}

// Runs one step on the connection's entry, if there is one. The step returns the answer to the MTA.
template <class Step>
sfsistat on_entry(SMFICTX* context, Step step) noexcept {
  try {
    auto* entry = static_cast<Entry*>(smfi_getpriv(context));
    const sfsistat answer = entry != nullptr ? step(*entry) : SMFIS_CONTINUE;
    if (answer != SMFIS_CONTINUE) return answer;
  } catch (const std::exception& e) {
    log_failure("a callback failed", e);
  }
  return go_on();
}

// Postfix simulates a session for mail that was not received by SMTP (non_smtpd_milters), from port 0 to port
// 0.
bool is_simulated(SMFICTX* context) {
  return macro(context, "{client_port}") == "0" && macro(context, "{daemon_port}") == "0";
}

void close_entry(SMFICTX* context) {
  auto* entry = static_cast<Entry*>(smfi_getpriv(context));
  smfi_setpriv(context, nullptr);
  if (entry != nullptr) connections->close(entry);
}

sfsistat on_connect(SMFICTX* context, char*, _SOCK_ADDR* address) noexcept {
  has_connected();
  try {
    close_entry(context);  // if the MTA starts again on the same connection
    if (is_simulated(context)) return SMFIS_ACCEPT;
    const std::string client_address = address_text(address);
    const auto opened = connections->open(
        macro(context, "j"), {.address = client_address, .name = macro(context, "{client_name}")},
        {.name = macro(context, "{daemon_name}"), .port = macro(context, "{daemon_port}")});
    smfi_setpriv(context, opened.entry);
    if (opened.excluded) return SMFIS_ACCEPT;
    if (opened.entry != nullptr) {
      opened.entry->with([&](Connection& c) { c.tls(tls_macros(context)); });
      // The session is recorded even if the daemon stops now: only the next step is declined.
      return SMFIS_CONTINUE;
    }
  } catch (const std::exception& e) {
    log_failure("a connection was not recorded", e);
  }
  return go_on();
}

sfsistat on_helo(SMFICTX* context, char* name) {
  return on_entry(context, [&](Entry& entry) {
    entry.with([&](Connection& c) {
      c.helo(name != nullptr ? name : "");
      c.tls(tls_macros(context));
    });
    return SMFIS_CONTINUE;
  });
}

// The MTA does not wait for an answer (negotiation.h).
sfsistat on_mail(SMFICTX* context, char**) {
  (void)on_entry(context, [&](Entry& entry) {
    if (!macro(context, "{auth_type}").empty() && connections->authenticated(entry)) return SMFIS_CONTINUE;
    entry.with([&](Connection& c) {
      if (!c.is_encrypted()) c.tls(tls_macros(context));
      c.mail();
    });
    return SMFIS_CONTINUE;
  });
  return SMFIS_NOREPLY;
}

// RFC 3463 section 3.8 and RFC 5248: X.7.10, encryption needed.
sfsistat refuse_for_now(SMFICTX* context) {
  static std::string code = "451";
  static std::string extended_code = "4.7.10";
  static std::string text =
      "Encryption needed: mail of this sender has always come over TLS; try again with STARTTLS";
  // If this fails, the MTA answers with its own text.
  (void)smfi_setreply(context, code.data(), extended_code.data(), text.data());
  return SMFIS_TEMPFAIL;
}

sfsistat on_recipient(SMFICTX* context, char** arguments) {
  return on_entry(context, [&](Entry& entry) {
    if (connections->is_excluded(entry)) return SMFIS_ACCEPT;
    entry.with([&](Connection& c) {
      if (arguments[0] != nullptr) c.recipient(arguments[0]);
    });
    return connections->refuses_recipient(entry) ? refuse_for_now(context) : SMFIS_CONTINUE;
  });
}

sfsistat on_end_of_message(SMFICTX* context) {
  return on_entry(context, [](Entry& entry) {
    entry.with([](Connection& c) { c.message_accepted(); });
    return SMFIS_CONTINUE;
  });
}

sfsistat on_abort(SMFICTX* context) {
  return on_entry(context, [](Entry& entry) {
    entry.with([](Connection& c) { c.transaction_aborted(); });
    return SMFIS_CONTINUE;
  });
}

sfsistat on_close(SMFICTX* context) noexcept {
  try {
    close_entry(context);
  } catch (const std::exception& e) {
    log_failure("a session was not recorded", e);
  }
  return SMFIS_CONTINUE;
}

}  // namespace

void set_connections(OpenConnections& to) {
  connections = &to;
}

Result<void> register_callbacks() {
  // libmilter keeps the pointer to the name and requires it to be writable.
  static std::string name = "tlsrpt-milter";
  smfiDesc filter{};
  filter.xxfi_name = name.data();
  filter.xxfi_version = SMFI_VERSION;
  filter.xxfi_connect = on_connect;
  filter.xxfi_helo = on_helo;
  filter.xxfi_envfrom = on_mail;
  filter.xxfi_envrcpt = on_recipient;
  filter.xxfi_eom = on_end_of_message;
  filter.xxfi_abort = on_abort;
  filter.xxfi_close = on_close;
  filter.xxfi_negotiate = negotiate;
  if (smfi_register(filter) != MI_SUCCESS) return fail(Fault::internal, "libmilter refused the callbacks");
  return {};
}

}  // namespace starttls::milter
