// DNS lookups with our own DNSSEC validation, on libunbound (libunbound(3)) and the event loop of one thread.
//
//     auto resolver = dns::Resolver::create(loop, settings);
//     const dns::Answer answer = co_await (*resolver)->ask("_mta-sts.example.org", dns::Type::txt);
//
// An answer distinguishes "no" (no such name, no such records) from "cannot tell now" (failed), and says
// whether DNSSEC proves it. Truncated answers are asked for again over TCP. Chains of CNAMEs are followed,
// as far as libunbound does.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "dns/answer.h"
#include "event/loop.h"

namespace starttls::dns {

// A zone whose servers are asked directly, such as one that is not delegated from the root.
struct StubZone {
  std::string zone;                  // "example.test"
  std::vector<std::string> servers;  // "127.0.0.1@5353"
};

struct Settings {
  // Resolvers: "192.0.2.1" or "192.0.2.1@5353". Empty: those of resolv_conf, which is read again when it
  // changes.
  std::vector<std::string> servers;
  std::filesystem::path resolv_conf = "/etc/resolv.conf";
  std::vector<StubZone> stub_zones;
  // Whether answers are validated. Without validation, no answer is secure. Answers are also left
  // unvalidated, after a warning in the log, while the resolvers leave out signatures, as simple forwarders
  // do: otherwise every signed zone would be bogus. The resolvers are asked for the trust anchor's keys at
  // the start, when they change, and every ten minutes.
  bool dnssec = true;
  std::filesystem::path trust_anchor = "/usr/share/dns/root.key";  // DS or DNSKEY records in zone file format
  // After this a question has failed. Its pending queries are given up.
  std::chrono::milliseconds timeout{3'000};
  std::size_t max_questions = 1'000;  // at the same time; further ones wait
  // While questions wait because of max_questions, one that has been under way for so long is given up, with
  // Answer::put_off. None: questions wait until one ends.
  std::optional<std::chrono::milliseconds> preempt_after;
  std::size_t cache_size = std::size_t{8} << 20U;  // bytes, about
};

class Resolver {
 public:
  // Fault::config where a setting is invalid (a server that is no address, a trust anchor that cannot be
  // read), Fault::unavailable where libunbound cannot start.
  static Result<std::unique_ptr<Resolver>> create(event::Loop& loop, Settings settings);

  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;
  // Answers open questions as failed first.
  ~Resolver();

  // `name` in text form, in upper or lower case ("_25._tcp.mx.example.org"). An invalid name fails.
  event::Task<Answer> ask(std::string name, Type type);

 private:
  class Impl;
  explicit Resolver(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace starttls::dns
