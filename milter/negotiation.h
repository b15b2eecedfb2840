// The negotiation with the MTA: the steps that it need not send, and the macros of each step
// (smfi_setsymlist(), xxfi_negotiate()).
#pragma once

#include <libmilter/mfapi.h>

#include <array>

namespace starttls::milter {

// Steps that would only cost time: the content of a message is not needed. The end of the message is always sent.
inline constexpr unsigned long unused_steps =
    SMFIP_NODATA | SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NOUNKNOWN;

// Steps that the MTA sends without waiting for an answer. Postfix sends such a step only with the next one that is
// answered, or when it closes the connection. So the daemon does not know of it meanwhile, and if it must stop, it
// records the session without it. With MAIL that is a moment, as RCPT comes next. CONNECT and HELO are answered, since a
// client may do nothing for minutes after them: such sessions would be recorded as if they had not begun, or without
// their TLS. RCPT is answered, since a recipient may be refused.
inline constexpr unsigned long unanswered_steps = SMFIP_NR_MAIL;

struct StageMacros {
  int stage;
  const char* macros;
};

// TLS shows at CONNECT on Postfix ports in wrapper mode, at the HELO after STARTTLS, or, for a client that
// sends none, at MAIL.
//
// Of the other steps no macro is needed; by default each recipient would come once more. A name that no MTA
// has asks for none: an empty list means none for Sendmail, but the default for Postfix.
inline constexpr const char* no_macros = "{none}";
inline constexpr std::array<StageMacros, 7> wanted_macros{{
    {SMFIM_CONNECT,
     "j {client_name} {client_port} {daemon_name} {daemon_port} {tls_version} {cipher} {cipher_bits} "
     "{cert_subject} {verify}"},
    {SMFIM_HELO, "{tls_version} {cipher} {cipher_bits} {cert_subject} {verify}"},
    {SMFIM_ENVFROM, "{tls_version} {cipher} {cipher_bits} {cert_subject} {verify} {auth_type}"},
    {SMFIM_ENVRCPT, no_macros},
    {SMFIM_DATA, no_macros},
    {SMFIM_EOH, no_macros},
    {SMFIM_EOM, no_macros},
}};

// xxfi_negotiate.
inline sfsistat negotiate(SMFICTX* context, unsigned long offered_actions, unsigned long offered_steps,
                          unsigned long, unsigned long, unsigned long* actions, unsigned long* steps,
                          unsigned long* reserved_1, unsigned long* reserved_2) {
  *actions = offered_actions & SMFIF_SETSYMLIST;
  // Where the MTA waits for every answer, libmilter gives it.
  *steps = offered_steps & (unused_steps | unanswered_steps);
  *reserved_1 = 0;
  *reserved_2 = 0;
  if ((offered_actions & SMFIF_SETSYMLIST) == 0) return SMFIS_CONTINUE;
  for (const auto& [stage, macros] : wanted_macros) {
    // Where this fails, the MTA's default list has most of them. libmilter's parameter lacks a const.
    (void)smfi_setsymlist(context, stage, const_cast<char*>(macros));
  }
  return SMFIS_CONTINUE;
}

}  // namespace starttls::milter
