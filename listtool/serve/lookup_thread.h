// The thread that looks up domains. It owns the lists, the DNS, the policy hosts and the cache.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "base/log.h"
#include "discovery/discovery_stack.h"
#include "listtool/context.h"
#include "listtool/serve/answerer.h"
#include "listtool/serve/finder.h"
#include "listtool/serve/lists.h"
#include "service/metrics_server.h"

namespace starttls::listtool::serve {

class LookupThread {
 public:
  // `answering` must outlive this thread.
  static Result<std::unique_ptr<LookupThread>> create(const Context& context, Clock clock,
                                                      Counters& counters);
  LookupThread(const LookupThread&) = delete;
  LookupThread& operator=(const LookupThread&) = delete;
  ~LookupThread() = default;

  void serve_metrics(std::unique_ptr<service::MetricsServer> metrics);
  void start(event::Loop& answering, Answerer& answerer);
  // May be called from any thread.
  void look_up(LookupRequest request);
  void reload();
  // Stops the thread and waits for its end. Returns false if examinations are still running: then this object
  // must not be destroyed.
  bool stop();

 private:
  LookupThread(const Context& context, Clock clock, Counters& counters,
               std::unique_ptr<discovery::DiscoveryStack> discovery, std::shared_ptr<Lists> lists);
  PolicyLookups make_lookups();
  void tick();
  void warn_unusable_lists();
  bool reload_configuration();
  void reload_lists();
  template <class T>
  T or_warn(Result<T> result, T otherwise);

  Context context_;
  Clock clock_;
  Counters& counters_;
  std::unique_ptr<discovery::DiscoveryStack> discovery_;
  std::shared_ptr<Lists> lists_;
  std::string state_;  // of the lists
  Time started_;
  OncePerMinute cache_warnings_;
  std::optional<std::int64_t> changes_;   // changes of the cache by other processes
  std::int64_t policies_ = 0;             // the version of the policies in the cache
  std::int64_t changes_of_policies_ = 0;  // by other processes
  int ticks_ = 0;
  std::optional<Finder> finder_;
  std::optional<event::Timer> ticking_;
  std::unique_ptr<service::MetricsServer> metrics_;
  std::thread thread_;
};

}  // namespace starttls::listtool::serve
