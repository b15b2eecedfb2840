// One SMTP session as an MTA reports it to a filter, and its form on the wire.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "load/protocol.h"

namespace starttls::load {

struct Tls {
  std::string version;       // "TLSv1.3"
  std::string cipher;        // "TLS_AES_256_GCM_SHA384"
  std::string bits;          // "256"
  std::string cert_subject;  // empty: no certificate that Postfix trusts
};

struct Message {
  std::string sender;                   // "alice@sender.test"
  std::vector<std::string> recipients;  // accepted ones
  bool accepted = true;                 // false: the client disconnected after RCPT
};

struct Script {
  std::string receiving_mx;
  std::string client_name;     // {client_name}
  std::string client_address;  // IPv4
  std::string helo;
  std::optional<Tls> tls;  // STARTTLS and a second EHLO follow the first
  std::vector<Message> messages;
};

// Bytes that belong together: a command with the macros before it.
struct Step {
  std::size_t end = 0;    // behind its last byte
  bool answered = false;  // the MTA waits for a reply
  int message = 0;        // its message, from 1; 0: the connection
};

// The steps after the negotiation. The last step is QUIT. The content of messages is never sent.
struct Dialogue {
  std::string bytes;
  std::vector<Step> steps;

  std::size_t quit_begin() const { return steps.size() > 1 ? steps[steps.size() - 2].end : 0; }
};

// Leaves out what the filter does not want.
Dialogue dialogue_of(const Script& script, const Negotiation& agreed);

}  // namespace starttls::load
