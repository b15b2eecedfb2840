// Finds out whether the configured resolvers pass on DNSSEC signatures. Simple forwarders leave them out, and
// every answer from a signed zone would be bogus.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/result.h"
#include "dns/context.h"
#include "event/loop.h"

namespace starttls::dns {

enum class Signatures { present, stripped, unknown };

class Probe final : public ReplyListener {
 public:
  using Done = std::function<void(Signatures)>;

  // Asks for the DNSKEY records of the trust anchor, without validation and past all caches. `done` is called
  // once from the loop, never from here, at the latest after `timeout`, and may destroy the probe. It is not
  // called once the probe is destroyed. The validation settings in `settings` are ignored.
  static Result<std::unique_ptr<Probe>> begin(event::Loop& loop, ContextSettings settings,
                                              const std::string& anchor, std::chrono::milliseconds timeout,
                                              Done done);

  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  ~Probe();

  void on_reply(const Reply& reply) override;

 private:
  Probe(event::Loop& loop, std::unique_ptr<Context> context, Done done);

  std::unique_ptr<Context> context_;
  bool has_reply_ = false;
  std::optional<int> question_;  // while it is open
  Signatures outcome_ = Signatures::unknown;
  event::Timer over_;
};

}  // namespace starttls::dns
