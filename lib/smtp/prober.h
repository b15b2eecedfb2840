// Connects to mail servers as a sender would (RFC 5321, RFC 3207) and brings back what they offer: greeting,
// EHLO, STARTTLS, handshake, a second EHLO, QUIT. It never sends MAIL.
//
//     smtp::Prober prober(loop, {});
//     const ProbeFacts facts = co_await prober.probe({.address = address, .sni = "mx.example.org",
//                                                     .ehlo_name = "checker.example.net"});
//
// It is polite, as servers block clients that are not: it waits for the greeting before it says anything,
// says QUIT whenever the server can understand it, and keeps to a Schedule. Once a server has deferred or
// rejected a connection (421, 450, 554 at the greeting, ...), all further probes of its address get that
// answer without a connection, as far as refusals.h remembers.
//
// The servers are not trusted. Whatever they send is bounded in bytes, lines and time; certificates are read,
// not verified (see certificate/chain.h). No session is resumed and no early data is sent.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>

#include "event/loop.h"
#include "event/task.h"
#include "smtp/probe.h"
#include "smtp/reply.h"
#include "smtp/schedule.h"

namespace starttls::smtp {

// Of one connection.
struct ProbeLimits {
  std::chrono::milliseconds whole = std::chrono::minutes(3);
  std::chrono::milliseconds connect = std::chrono::seconds(30);
  // Without a byte from the server. Servers delay their greeting by 20 s on purpose.
  std::chrono::milliseconds silence = std::chrono::minutes(1);
  std::chrono::milliseconds handshake = std::chrono::minutes(1);
  std::chrono::milliseconds quit = std::chrono::seconds(5);  // for the reply to QUIT
  ReplyLimits reply;
  std::size_t max_chain = 20;                             // certificates that are kept
  std::size_t max_chain_bytes = std::size_t{256} << 10U;  // of all certificates; else the handshake fails
  std::size_t max_tls_bytes = std::size_t{1'024} << 10U;  // of everything after STARTTLS
};

struct ProberSettings {
  ProbeLimits limits;
  ScheduleLimits schedule;
  // Whether addresses outside the public Internet are allowed (RFC 6890).
  bool private_addresses = false;
};

class Prober {
 public:
  // No more connections than three quarters of the descriptors that this process may have
  // (service/descriptor_limit.h raises that).
  Prober(event::Loop& loop, ProberSettings settings);
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;
  // All probes must have ended.
  ~Prober();

  // Waits for its turn, then connects.
  event::Task<ProbeFacts> probe(ProbeRequest request);

  std::size_t under_way() const;  // connections
  std::size_t waiting() const;    // for their turn

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace starttls::smtp
