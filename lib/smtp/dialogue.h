// The dialogue of one probe, from the connection to QUIT.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "event/loop.h"
#include "event/task.h"
#include "smtp/connection.h"
#include "smtp/probe.h"
#include "smtp/prober.h"
#include "smtp/tls.h"

namespace starttls::smtp {

class Dialogue {
 public:
  // Everything given by reference must outlive it.
  Dialogue(event::Loop& loop, TlsClients& clients, const ProbeLimits& limits, const ProbeRequest& request);

  // Once.
  event::Task<ProbeFacts> run();

 private:
  event::Task<Outcome<>> converse();
  event::Task<Outcome<>> connect_and_greet();
  event::Task<Outcome<>> say_hello();
  event::Task<Outcome<>> start_tls();
  event::Task<Outcome<>> offer_compression(TlsClient& client);
  event::Task<Outcome<>> say_hello_inside_tls();
  event::Task<> quit();
  event::Task<Outcome<>> find_injected_reply();

  event::Task<Outcome<Reply>> read_reply(std::string_view to, std::chrono::milliseconds patience);
  event::Task<Outcome<Reply>> ask(std::string command, std::string_view name);

  const ProbeLimits& limits_;
  const ProbeRequest& request_;
  TlsClients& clients_;
  Connection connection_;
  std::string received_;  // beyond the last reply
  ProbeFacts facts_;
  bool said_quit_ = false;
};

}  // namespace starttls::smtp
