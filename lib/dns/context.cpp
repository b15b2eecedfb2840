#include "dns/context.h"

#include <unbound-event.h>
#include <unbound.h>

#include <array>
#include <mutex>
#include <utility>

#include "base/text.h"
#include "base/try.h"

namespace starttls::dns {
namespace {

constexpr int class_in = 1;

// libunbound applies parts of its settings to the whole process. Threads that did so at the same time have
// crashed others.
std::mutex& settings_mutex() {
  static std::mutex mutex;
  return mutex;
}

Result<void> check(int error, std::string_view what) {
  if (error == UB_NOERROR) return {};
  const Fault fault = error == UB_NOMEM ? Fault::unavailable : Fault::config;
  return fail(fault, "libunbound: {}: {}", what, ub_strerror(error));
}

struct Option {
  const char* name;
  std::string value;
};

std::vector<Option> options_of(const ContextSettings& settings) {
  std::vector<Option> options{
      {"module-config:", settings.trust_anchor.empty() ? "iterator" : "validator iterator"},
      // Messages need about half of what their records need.
      {"msg-cache-size:", fmt::to_string(settings.cache_size / 3)},
      {"rrset-cache-size:", fmt::to_string(settings.cache_size / 3 * 2)},
      {"outgoing-range:", fmt::to_string(settings.sockets)},
      {"outgoing-num-tcp:", "32"},
      {"do-not-query-localhost:", "no"},
      {"unblock-lan-zones:", "yes"},
      // A server that did not answer is asked again as soon as it may be back. Without this it is not asked
      // for up to 15 minutes.
      {"infra-keep-probing:", "yes"},
      // In seconds: then a server counts as new. libunbound 1.26 asks a server that has reached a longest time
      // limit below 12 s only after that.
      {"infra-host-ttl:", "5"},
      // The first time limit, in milliseconds. libunbound tries a new server three times before the next one,
      // and doubles the time each time. With its default of 376, in one of three runs a dead resolver beside
      // a live one used all of the time that a question has.
      {"unknown-server-time-limit:", "100"},
      {"infra-cache-max-rtt:", "2000"},
      // These queries only inform the root's operators about us.
      {"trust-anchor-signaling:", "no"},
      {"root-key-sentinel:", "no"},
      // No log: the answers have the reasons.
      {"val-log-level:", "0"},
  };
  for (const std::string& zone : settings.insecure_zones) options.push_back({"domain-insecure:", zone});
  return options;
}

Result<void> apply(::ub_ctx* context, const ContextSettings& settings) {
  // libunbound would write to standard error instead of the log.
  ub_ctx_debugout(context, nullptr);
  for (const auto& [name, value] : options_of(settings)) {
    TRY(check(ub_ctx_set_option(context, name, value.c_str()), name));
  }
  for (const std::string& server : settings.servers) {
    TRY(check(ub_ctx_set_fwd(context, server.c_str()), server));
  }
  for (const auto& [zone, servers] : settings.stub_zones) {
    for (const std::string& server : servers) {
      TRY(check(ub_ctx_set_stub(context, zone.c_str(), server.c_str(), 0),
                printable(fmt::format("{} at {}", zone, server))));
    }
  }
  if (settings.trust_anchor.empty()) return {};
  const std::string& anchor = settings.trust_anchor.native();
  return check(ub_ctx_add_ta_file(context, anchor.c_str()), anchor);
}

void pass_reply(void* listener, int rcode, void* packet, int size, int security, char* why_bogus,
                int) noexcept {
  constexpr std::array states{Dnssec::insecure, Dnssec::bogus, Dnssec::secure};  // unbound-event.h
  Reply reply{.rcode = rcode, .dnssec = states.at(static_cast<std::size_t>(security))};
  if (rcode == 0 && packet != nullptr && size > 0)
    reply.message = {static_cast<const std::uint8_t*>(packet), static_cast<std::size_t>(size)};
  if (why_bogus != nullptr) reply.why_bogus = why_bogus;
  static_cast<ReplyListener*>(listener)->on_reply(reply);
}

}  // namespace

Result<std::unique_ptr<Context>> Context::create(event::Loop& loop, const ContextSettings& settings) {
  std::unique_ptr<Context> context;  // declared before the lock: its destructor locks, too
  const std::lock_guard lock(settings_mutex());
  ::ub_ctx* made = ub_ctx_create_event(loop.base());
  if (made == nullptr)
    return fail(Fault::unavailable, "libunbound cannot begin: out of memory or descriptors");
  context.reset(new Context(made, !settings.trust_anchor.empty()));
  TRY(apply(made, settings));
  // The name servers know best which of these zones are local. libunbound still answers some names itself:
  // localhost, invalid (RFC 6761) and onion (RFC 7686). The first of these calls reads all files, so it
  // reports errors in the settings.
  for (const char* zone : {"test.", "home.arpa."}) {
    TRY(check(ub_ctx_zone_remove(made, zone),
              settings.trust_anchor.empty() ? "the settings" : settings.trust_anchor.native()));
  }
  return context;
}

Context::~Context() {
  const std::lock_guard lock(settings_mutex());
  ub_ctx_delete(context_);
}

Result<int> Context::ask(const std::string& name, int type, ReplyListener& listener) {
  std::unique_lock lock(settings_mutex(), std::defer_lock);
  if (!std::exchange(asked_, true)) lock.lock();
  int question = 0;
  const int error =
      ub_resolve_event(context_, name.c_str(), type, class_in, &listener, &pass_reply, &question);
  if (error == UB_SYNTAX)
    return fail(Fault::data, "'{}' is no name that the DNS could know", printable(name, 300));
  if (error != UB_NOERROR) return fail(Fault::unavailable, "libunbound: {}", ub_strerror(error));
  return question;
}

void Context::give_up(int question) {
  if (ub_cancel(context_, question) == UB_NOERROR) ++given_up_;
}

}  // namespace starttls::dns
