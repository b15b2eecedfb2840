// What one examination of a domain may ask, so that who publishes a domain cannot have us flood somebody
// else's name servers, or wait for silent ones for long:
//
//   - of at most `hosts` MX hosts, and of at most `hosts_of_one_owner` whose names, or whose aliases, are
//     another owner's than the domain. By then Asker has had 64 questions at most, and another owner's
//     servers 5 a host;
//   - `at_once` at the same time; those beyond wait for their turn;
//   - of all examinations together, `max_concurrent_host_questions` about MX hosts; those beyond wait for
//   their turn, in the
//     order of http::ConcurrencyLimiter, so that no domain's hosts hold up others or the questions about
//     domains. One that takes longer than a second counts no longer where others wait;
//   - no more about MX hosts once `unanswered` of these questions took longer than `slow` for no answer;
//   - of all examinations together, of the names of one owner, as many as QuestionRate has. That a name is
//     asked for whose alias is another owner's counts there, too. The names of a domain that is what its
//     owner has registered, not one of many below, are never held up by that.
//
// What is not asked is answered as failed, "cannot tell", never as "no". Where others are the reason, the
// answer is put off (dns::Answer::put_off).
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
  // For a program that asks because others have it ask; others ask as fast as they can.
  std::optional<QuestionRateLimits> rate;
};

// What all examinations share.
class Questions {
 public:
  using Pause = std::function<event::Task<>(std::chrono::milliseconds time)>;

  // Without `pause` nobody waits: a question that would have to is refused.
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

// Must outlive the tasks that its network() began, and stays where it is.
class DomainQuestions {
 public:
  // `waits_for_host` is called once nothing but the policy host is left to be waited for.
  DomainQuestions(Questions& questions, const DomainName& domain, std::function<void()> waits_for_host);
  DomainQuestions(const DomainQuestions&) = delete;
  DomainQuestions& operator=(const DomainQuestions&) = delete;

  discovery::Lookups network();

  // Nothing more is asked about MX hosts.
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
  dns::Answer refuse_host_beyond(std::size_t most);
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
