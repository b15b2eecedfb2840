#include "discovery/questions.h"

#include <utility>

#include "base/counted.h"
#include "base/text.h"

namespace starttls::discovery {
namespace {

using dns::Answer;
using dns::Type;
using Clock = std::chrono::steady_clock;

// For this long a domain counts as one with too many MX hosts: asking again would give the same answer.
constexpr std::chrono::seconds until_fewer_hosts{3'600};

// How long a question about MX hosts waits for its turn. Expired questions are found only when another
// question ends, so the wait may be longer by the time limit of one question.
constexpr std::chrono::seconds max_wait{3};
constexpr std::size_t max_waiting = 4'000;
constexpr std::chrono::seconds preempt_after{1};

// libunbound sends one query for all questions that are the same at the same time, and caches a failure for a
// while.
constexpr std::chrono::seconds under_way{3};

std::string question_of(const std::string& name, Type type) {
  return fmt::format("{} {}", static_cast<int>(type), name);
}

std::string host_of(const std::string& name, Type type) {
  constexpr std::string_view protocol = "._tcp.";  // behind a port (RFC 7672 section 2.2.3)
  const auto at = type == Type::tlsa && name.starts_with('_') ? name.find(protocol) : name.npos;
  return at == name.npos ? name : name.substr(at + protocol.size());
}

}  // namespace

Questions::Questions(discovery::Lookups network, QuestionLimits limits, Pause pause)
    : network_(std::move(network)),
      limits_(limits),
      pause_(std::move(pause)),
      rate_(limits.rate.value_or(QuestionRateLimits{})),
      limiter_({.max_concurrent = limits.max_concurrent_host_questions,
                .max_per_address = limits.max_concurrent_host_questions,
                .queue = http::QueueLimits{
                    .max_wait = max_wait, .preempt_after = preempt_after, .max_waiting = max_waiting}}) {}

void Questions::end_turn(ConcurrencyLimiter::Ticket ticket) {
  if (turns_ended_early_.erase(ticket) > 0) return;
  limiter_.release(ticket);
}

void Questions::start_next() {
  for (;;) {
    while (const auto turn = limiter_.try_start(Clock::now())) turn->item->complete(turn->ticket);
    const auto slow = limiter_.longest_preemptible(Clock::now());
    if (!slow) break;
    // The slow question continues, but no longer counts.
    limiter_.release(*slow);
    turns_ended_early_.insert(*slow);
  }
  while (const auto late = limiter_.take_expired(Clock::now())) (*late)->complete(std::nullopt);
}

DomainQuestions::DomainQuestions(Questions& questions, const DomainName& domain,
                                 std::function<void()> waits_for_host)
    : questions_(questions),
      domain_(domain.str()),
      owner_(questions.owners_.of(domain_)),
      waits_for_host_(std::move(waits_for_host)) {}

discovery::Lookups DomainQuestions::network() {
  return {.ask = [this](std::string name, Type type) { return ask(std::move(name), type); },
          .get = [this](http::PageRequest request) { return get(std::move(request)); }};
}

void DomainQuestions::dane_is_known() {
  dane_is_known_ = true;
  if (fetching_) waits_for_host_();
}

event::Task<http::Page> DomainQuestions::get(http::PageRequest request) {
  fetching_ = true;
  if (dane_is_known_) waits_for_host_();
  http::Page page = co_await questions_.network_.get(std::move(request));
  fetching_ = false;
  co_return page;
}

event::Task<Answer> DomainQuestions::ask(std::string name, Type type) {
  if (under_way_ >= questions_.limits_.at_once) {
    event::Completion<bool> turn;
    waiting_.push_back(&turn);
    co_await turn;
  } else {
    ++under_way_;
  }
  const bool waits = questions_.limits_.rate && !is_of_domain(name, type) &&
                     !questions_.rate_.is_known(question_of(name, type), Clock::now());
  Answer answer;
  if (waits) {
    answer = co_await ask_about_host(std::move(name), type);
  } else {
    answer = co_await ask_in_turn(std::move(name), type);
  }
  end_turn();
  co_return answer;
}

// Returns nothing if the turn did not come in time.
event::Task<std::optional<std::uint64_t>> DomainQuestions::wait_for_turn() {
  event::Completion<std::optional<std::uint64_t>> turn;
  const auto turned_away =
      questions_.limiter_.enqueue({.address = domain_, .network = owner_}, &turn, Clock::now());
  if (turned_away) (*turned_away)->complete(std::nullopt);
  questions_.start_next();
  const auto ticket = co_await turn;
  co_return ticket;
}

event::Task<Answer> DomainQuestions::ask_about_host(std::string name, Type type) {
  const auto ticket = co_await wait_for_turn();
  if (!ticket) {
    Answer answer = refuse("too many MX hosts are looked up");
    answer.put_off = true;
    co_return answer;
  }
  Answer answer = co_await ask_in_turn(std::move(name), type);
  questions_.end_turn(*ticket);
  questions_.start_next();
  co_return answer;
}

void DomainQuestions::end_turn() {
  if (waiting_.empty()) {
    --under_way_;
    return;
  }
  auto* const next = waiting_.front();
  waiting_.pop_front();
  next->complete(true);
}

// Whether it is a question that is asked for every domain.
bool DomainQuestions::is_of_domain(const std::string& name, Type type) const {
  if (type == Type::mx) return name == domain_;
  return name == "_mta-sts." + domain_ || name == "mta-sts." + domain_;
}

event::Task<Answer> DomainQuestions::ask_in_turn(std::string name, Type type) {
  const bool is_of_host = !is_of_domain(name, type);
  const std::string host = to_lower(host_of(name, type));
  const std::string owner = questions_.owners_.of(host);
  if (is_of_host) {
    auto no = refuse_host(host, owner, type);
    if (no) co_return std::move(*no);
  }
  const std::string question = question_of(name, type);
  const bool is_new = questions_.limits_.rate && !questions_.rate_.is_known(question, Clock::now());
  if (is_new) {
    const bool may_be_held_up = owner != owner_ || domain_ != owner_;
    auto no = co_await wait_for_rate(owner_charged_for(owner), may_be_held_up);
    if (no) co_return std::move(*no);
    questions_.rate_.remember(question, under_way, Clock::now());
  }
  const Clock::time_point begun = Clock::now();
  Answer answer = co_await questions_.network_.ask(std::move(name), type);
  const bool is_unanswered = answer.status == dns::Status::failed && !answer.put_off &&
                             answer.dnssec != dns::Dnssec::bogus &&
                             Clock::now() - begun >= questions_.limits_.slow;
  if (is_of_host && is_unanswered) ++unanswered_;
  learn(owner, question, answer, is_new);
  co_return answer;
}

std::optional<Answer> DomainQuestions::refuse_host(const std::string& host, const std::string& owner,
                                                   Type type) {
  if (unanswered_ >= questions_.limits_.unanswered) {
    return refuse(fmt::format("{} about the MX hosts had no answer", counted(unanswered_, "question")));
  }
  // The TLSA records of an alias are at the name that it points to. This is not another host.
  if (type == Type::tlsa || hosts_.contains(host)) return std::nullopt;
  if (hosts_.size() >= questions_.limits_.hosts) return refuse_host_beyond(questions_.limits_.hosts);
  const std::string& charged = owner_charged_for(owner);
  if (charged != owner_) {
    std::size_t& of_owner = hosts_of_[charged];
    if (of_owner >= questions_.limits_.hosts_of_one_owner) return refuse_host_beyond(of_owner);
    ++of_owner;
  }
  hosts_.insert(host);
  return std::nullopt;
}

Answer DomainQuestions::refuse(std::string reason) {
  ++questions_.refused_;
  return {.status = dns::Status::failed, .reason = std::move(reason)};
}

Answer DomainQuestions::refuse_host_beyond(std::size_t max) {
  Answer answer = refuse(fmt::format("no more than {} MX hosts are looked at there", max));
  answer.ttl = until_fewer_hosts;
  return answer;
}

// Returns an answer if the question is not asked.
event::Task<std::optional<Answer>> DomainQuestions::wait_for_rate(std::string owner, bool may_be_held_up) {
  if (!may_be_held_up) {
    questions_.rate_.count(owner, Clock::now());
    co_return std::nullopt;
  }
  const auto wait = questions_.rate_.reserve(owner, Clock::now());
  if (!wait || (*wait > std::chrono::milliseconds{0} && !questions_.pause_)) {
    Answer answer = refuse(fmt::format("too much is asked of the name servers of {}", printable(owner, 300)));
    answer.put_off = true;
    co_return answer;
  }
  if (*wait > std::chrono::milliseconds{0}) co_await questions_.pause_(*wait);
  co_return std::nullopt;
}

// If one name of an owner is an alias of another owner's name, the first owner's other names are charged to
// the second owner, too.
const std::string& DomainQuestions::owner_charged_for(const std::string& owner) const {
  const auto found = leads_to_.find(owner);
  return found == leads_to_.end() ? owner : found->second;
}

void DomainQuestions::learn(const std::string& owner, const std::string& question, const Answer& answer,
                            bool is_new) {
  const Clock::time_point now = Clock::now();
  QuestionRate& rate = questions_.rate_;
  if (answer.status != dns::Status::failed) rate.remember(question, answer.ttl, now);
  if (answer.canonical_name.empty()) return;
  const std::string target = questions_.owners_.of(to_lower(answer.canonical_name));
  if (target == owner || target == owner_charged_for(owner)) return;
  leads_to_[owner] = target;
  ++hosts_of_[target];
  if (is_new) rate.count(target, now);
}

}  // namespace starttls::discovery
