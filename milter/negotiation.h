// What we ask the MTA for: the steps it need not send, and the macros of each step (smfi_setsymlist(),
// xxfi_negotiate()).
#pragma once

#include <libmilter/mfapi.h>

#include <array>

namespace starttls::milter {

// Steps that would only cost: the content of a message is never asked for. CONNECT, HELO and MAIL must be
// answered: were they sent without waiting, Postfix would buffer them until the end, and libmilter throws
// unread data away when the peer has hung up. RCPT shows accepted recipients, and must be answered for the
// same reason: without, of 50 transactions that were given up Postfix 3.7 lost the recipients of 3 to 50,
// Sendmail 8.17 of 2 to 19. The end of the message is always sent.
inline constexpr unsigned long unused_steps =
    SMFIP_NODATA | SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY | SMFIP_NOUNKNOWN;

struct StageMacros {
  int stage;
  const char* macros;
};

// TLS shows at CONNECT on Postfix ports in wrapper mode, at the HELO after STARTTLS, or, for a client that
// sends none, at MAIL.
//
// Of the other steps none are wanted, where by default each recipient would come once more. A name that no
// MTA knows says that to both: Sendmail takes an empty list for none, but Postfix for its default.
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
  *steps = offered_steps & unused_steps;
  *reserved_1 = 0;
  *reserved_2 = 0;
  if ((offered_actions & SMFIF_SETSYMLIST) == 0) return SMFIS_CONTINUE;
  for (const auto& [stage, macros] : wanted_macros) {
    // A refusal leaves the MTA's default list, which has most of them. libmilter's parameter lacks a const.
    (void)smfi_setsymlist(context, stage, const_cast<char*>(macros));
  }
  return SMFIS_CONTINUE;
}

}  // namespace starttls::milter
