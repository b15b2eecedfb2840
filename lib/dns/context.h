// One libunbound context (libunbound(3), unbound-event.h). Its servers and trust anchor cannot change after
// the first question, so that every change needs a new context.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "dns/answer.h"
#include "dns/message.h"
#include "dns/resolver.h"
#include "event/loop.h"

struct ub_ctx;

namespace starttls::dns {

// The reply to a question. Its memory is libunbound's and valid only during on_reply().
struct Reply {
  int rcode = 0;   // not 0: there is no message
  Octets message;  // in wire format
  Dnssec dnssec = Dnssec::insecure;
  std::string_view why_bogus;
};

// Receives a reply. During on_reply(), do not call libunbound and do not destroy a context.
class ReplyListener {
 public:
  virtual void on_reply(const Reply& reply) = 0;

 protected:
  ~ReplyListener() = default;
};

struct ContextSettings {
  std::vector<std::string> servers;  // in the form of check_server(); empty: the root's
  std::vector<StubZone> stub_zones;
  std::filesystem::path trust_anchor;       // "": nothing is validated
  std::vector<std::string> insecure_zones;  // not validated, whatever is above them
  std::size_t cache_size = 0;               // bytes
  std::size_t sockets = 0;                  // questions over UDP at the same time
};

class Context {
 public:
  // Fault::config where libunbound rejects a setting, Fault::unavailable where it cannot start.
  static Result<std::unique_ptr<Context>> create(event::Loop& loop, const ContextSettings& settings);

  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;
  // Open questions must have been given up before: libunbound would call their listeners now.
  ~Context();

  // `type` is the number of RFC 1035. on_reply() may be called before this returns. Returns the number of the
  // question, for give_up().
  Result<int> ask(const std::string& name, int type, ReplyListener& listener);

  // After this, on_reply() is not called. libunbound itself continues with the question for a while.
  void give_up(int question);

  // Whether it was given a trust anchor.
  bool validates() const { return validates_; }

  // How many questions were given up. At most as many may still keep libunbound busy.
  std::size_t given_up() const { return given_up_; }

 private:
  Context(::ub_ctx* context, bool validates) : context_(context), validates_(validates) {}

  ::ub_ctx* context_;
  bool validates_;
  bool asked_ = false;
  std::size_t given_up_ = 0;
};

}  // namespace starttls::dns
