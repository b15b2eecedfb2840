// Whether those who are asked pass on what DNSSEC needs. A resolver that leaves out the signatures, as simple
// forwarders do, would make every answer of a signed zone bogus.
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

enum class Signatures { passed_on, left_out, unknown };

class Probe final : public Listener {
 public:
  using Done = std::function<void(Signatures)>;

  // Asks for the keys of the anchor, without validating them, past every cache. `done` is called once, from
  // the loop and not from here, at the latest after `timeout`, and may destroy the probe; not once that is
  // destroyed. What `settings` says of validation does not count.
  static Result<std::unique_ptr<Probe>> begin(event::Loop& loop, ContextSettings settings,
                                              const std::string& anchor, std::chrono::milliseconds timeout,
                                              Done done);

  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;
  ~Probe();

  void hear(const Reply& reply) override;

 private:
  Probe(event::Loop& loop, std::unique_ptr<Context> context, Done done);

  std::unique_ptr<Context> context_;
  bool heard_ = false;
  std::optional<int> question_;  // while it is open
  Signatures outcome_ = Signatures::unknown;
  event::Timer over_;
};

}  // namespace starttls::dns
