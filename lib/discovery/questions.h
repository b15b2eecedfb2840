// Limits of the DNS questions for one domain, so that the owner of a domain cannot make us flood other
// owners' name servers, or wait for silent ones for long:
//
//   - at most `hosts` MX hosts, and at most `hosts_of_one_owner` whose names, or whose aliases, belong to
//     another owner than the domain. So a domain has at most 64 questions, and another owner's servers 5
//     for each host;
//   - `at_once` questions of a domain at the same time; further ones wait;
//   - `max_concurrent_host_questions` about MX hosts of all domains together; further ones wait, in the
//     order of http::ConcurrencyLimiter, so that no domain's hosts delay others or the questions about
//     domains. One that takes longer than a second no longer counts while others wait;
//   - none about MX hosts once `unanswered` of them took longer than `slow` without an answer;
//   - for all domains together, at the names of one owner, as many as QuestionRate allows. A question for a
//     name counts also for the owner of its alias's target. Questions at the names of a registrable domain
//     itself, not of one of many below it, are never delayed by this.
//
// A question that is refused is answered as failed ("cannot tell"), never as "no". Where other domains are
// the reason, the answer has dns::Answer::put_off.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>

#include "base/domain.h"
#include "discovery/mta_sts_discovery.h"
#include "discovery/owners.h"
#include "discovery/question_rate.h"
#include "event/task.h"
#include "http/concurrency_limiter.h"

namespace starttls::discovery {

struct QuestionLimits {
  std::size_t hosts = 12;
  std::size_t hosts_of_one_owner = 6;
  std::size_t at_once = 8;
  std::size_t max_concurrent_host_questions = 400;  // not without `rate`
  std::size_t unanswered = 3;
  std::chrono::milliseconds slow{1'000};
  // For a daemon whose clients make it ask. None: no limit.
  std::optional<QuestionRateLimits> rate;
};

// Shared by the questions of all domains.
class Questions {
 public:
  using Pause = std::function<event::Task<>(std::chrono::milliseconds time)>;

  // Without `pause`, a question that would have to wait is refused.
  Questions(discovery::Lookups network, QuestionLimits limits, Pause pause);

  std::uint64_t refused() const { return refused_; }

 private:
  friend class DomainQuestions;
  using ConcurrencyLimiter = http::ConcurrencyLimiter<event::Completion<std::optional<std::uint64_t>>*>;

  void start_next();
  void end_turn(ConcurrencyLimiter::Ticket ticket);

  discovery::Lookups network_;
  QuestionLimits limits_;
  Pause pause_;
  Owners owners_ = Owners::load();
  QuestionRate rate_;
  ConcurrencyLimiter limiter_;  // of questions about MX hosts
  std::unordered_set<ConcurrencyLimiter::Ticket> turns_ended_early_;
  std::uint64_t refused_ = 0;
};

// The questions of one domain. Must outlive the tasks of its network(), and cannot be moved.
class DomainQuestions {
 public:
  // `waits_for_host` is called once only the policy host has not answered.
  DomainQuestions(Questions& questions, const DomainName& domain, std::function<void()> waits_for_host);
  DomainQuestions(const DomainQuestions&) = delete;
  DomainQuestions& operator=(const DomainQuestions&) = delete;

  discovery::Lookups network();

  // Refuses further questions about MX hosts.
  void dane_is_known();

 private:
  event::Task<dns::Answer> ask(std::string name, dns::Type type);
  event::Task<std::optional<std::uint64_t>> wait_for_turn();
  event::Task<dns::Answer> ask_about_host(std::string name, dns::Type type);
  event::Task<dns::Answer> ask_in_turn(std::string name, dns::Type type);
  event::Task<http::Page> get(http::PageRequest request);
  event::Task<std::optional<dns::Answer>> wait_for_rate(std::string owner, bool may_be_held_up);
  bool is_of_domain(const std::string& name, dns::Type type) const;
  std::optional<dns::Answer> refuse_host(const std::string& host, const std::string& owner, dns::Type type);
  dns::Answer refuse(std::string reason);
  dns::Answer refuse_host_beyond(std::size_t max);
  void learn(const std::string& owner, const std::string& question, const dns::Answer& answer, bool is_new);
  const std::string& owner_charged_for(const std::string& owner) const;
  void end_turn();

  Questions& questions_;
  std::string domain_;
  std::string owner_;
  std::function<void()> waits_for_host_;
  std::size_t under_way_ = 0;
  std::deque<event::Completion<bool>*> waiting_;
  bool fetching_ = false;
  bool dane_is_known_ = false;
  std::size_t unanswered_ = 0;
  std::unordered_set<std::string> hosts_;
  std::unordered_map<std::string, std::size_t> hosts_of_;  // by owner
  std::unordered_map<std::string, std::string> leads_to_;  // from an owner to that of an alias in its names
};

}  // namespace starttls::discovery
