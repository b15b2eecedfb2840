#include "dns/resolver.h"

#include <fmt/ranges.h>
#include <sys/resource.h>

#include <algorithm>
#include <list>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/file_stamp.h"
#include "base/log.h"
#include "base/text.h"
#include "base/try.h"
#include "dns/context.h"
#include "dns/message.h"
#include "dns/probe.h"
#include "dns/servers.h"

namespace starttls::dns {
namespace {

using namespace std::chrono_literals;
using Milliseconds = std::chrono::milliseconds;

constexpr std::size_t file_limit = std::size_t{1} << 20U;
constexpr auto between_looks = 1s;  // checks of resolv.conf
constexpr Milliseconds between_probes = 10min;
constexpr Milliseconds until_next_try = 10s;  // after a probe without result
constexpr Milliseconds max_probe_time = 2s;
// Answers, of up to 64 KiB, that have arrived and were not taken yet. libunbound returns cached answers at
// once, so without this limit there could be one for every question.
constexpr std::size_t max_answers = 50;

std::string shown(Milliseconds time) {
  return time % 1s == 0ms ? fmt::format("{} s", time / 1s) : fmt::format("{} ms", time.count());
}

Answer failed(std::string reason) {
  return {.status = Status::failed, .reason = std::move(reason)};
}

Answer answer_of(const Reply& reply, Type type) {
  if (reply.dnssec == Dnssec::bogus) {
    Answer answer =
        failed(reply.why_bogus.empty() ? std::string("bogus")
                                       : fmt::format("bogus: {}", printable(reply.why_bogus, 300)));
    answer.dnssec = Dnssec::bogus;
    return answer;
  }
  if (reply.rcode != 0 && reply.message.empty()) return failed(rcode_name(reply.rcode));
  auto answer = read_message(reply.message, type);
  if (!answer) return failed(answer.error().message);
  answer->dnssec = reply.dnssec;
  return std::move(*answer);
}

// Enough sockets for all questions, but at most a quarter of the program's descriptors.
std::size_t sockets_for(std::size_t questions) {
  constexpr std::size_t least = 16;
  rlimit limit{};
  const std::size_t descriptors = ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
  return std::clamp(questions, least, std::max(descriptors / 4, least));
}

std::string_view without_dot(std::string_view zone) {
  if (zone.ends_with('.')) zone.remove_suffix(1);
  return zone;
}

bool is_root(std::string_view zone) {
  return without_dot(zone).empty();
}

bool is_below(std::string_view zone, std::string_view anchor) {
  const std::string child = to_lower(without_dot(zone));
  const std::string parent = to_lower(without_dot(anchor));
  return child == parent || child.ends_with("." + parent);
}

Result<void> check_settings(const Settings& settings) {
  for (const std::string& server : settings.servers) {
    TRY(check_server(server));
  }
  for (const auto& [zone, servers] : settings.stub_zones) {
    for (const std::string& server : servers) {
      TRY(check_server(server));
    }
  }
  return {};
}

Result<std::vector<std::string>> read_anchors(const Settings& settings) {
  if (!settings.dnssec) return {};
  const auto text = read_file(settings.trust_anchor, file_limit);
  if (!text) return fail(Fault::config, "{}", text.error().message);
  auto anchors = trust_anchor_names(*text);
  if (anchors.empty())
    return fail(Fault::config, "{}: there is no trust anchor in it", settings.trust_anchor.native());
  return anchors;
}

}  // namespace

class Resolver::Impl {
 public:
  class Question;

  Impl(event::Loop& loop, Settings settings, std::vector<std::string> anchors)
      : loop_(loop),
        settings_(std::move(settings)),
        anchors_(std::move(anchors)),
        next_probe_(loop, [this] { probe_servers(); }),
        room_(loop, [this] { make_room(); }) {}

  Result<void> begin();
  void take(Question& question);
  void leave(Question& question);
  void close();

 private:
  using Questions = std::list<Question*>;

  bool reads_resolv_conf() const;
  void look_at_resolv_conf();
  ContextSettings context_settings(bool validate) const;
  void use_context(bool validate);
  void probe_servers();
  void conclude_probe(Signatures outcome);
  void advance();
  void make_room();
  void send(Question& question);

  event::Loop& loop_;
  Settings settings_;
  std::vector<std::string> anchors_;
  std::vector<std::string> servers_;
  std::optional<FileStamp> resolv_conf_;
  std::chrono::steady_clock::time_point looked_;
  std::shared_ptr<Context> context_;  // none until a probe shows which kind is needed
  bool validates_ = false;
  bool warned_ = false;  // logged that signatures are missing
  std::unique_ptr<Probe> probe_;
  event::Timer next_probe_;
  Questions waiting_;  // for their turn
  Questions asked_;
  std::size_t answers_ = 0;  // that were not taken yet
  event::Timer room_;
  bool closed_ = false;
};

// Lives in the coroutine that asks. The timer limits the question. It also completes it outside libunbound's
// callback: inside, no coroutine may resume, as it could ask again or destroy the resolver.
class Resolver::Impl::Question final : public ReplyListener {
 public:
  Question(Impl& resolver, std::string name, Type type)
      : name_(std::move(name)), type_(type), resolver_(resolver), timer_(resolver.loop_, [this] { end(); }) {}

  void on_reply(const Reply& reply) override {
    answer_ = answer_of(reply, type_);
    if (!context_->validates()) answer_->dnssec = Dnssec::indeterminate;
    is_counted_ = true;
    ++resolver_.answers_;
    timer_.start(0ms);
  }

  void fail(std::string reason) {
    answer_ = failed(std::move(reason));
    timer_.start(0ms);
  }

  // Gives up the question because others use the resources. Not called inside libunbound's callbacks.
  void put_off(std::string reason) {
    answer_ = failed(std::move(reason));
    answer_->put_off = true;
    if (number_) context_->give_up(*number_);
    timer_.start(0ms);
  }

  void end() {
    if (is_counted_) --resolver_.answers_;
    if (!answer_ && !resolver_.closed_ && resolver_.context_ && list_ == &resolver_.waiting_) {
      put_off("its turn to be asked did not come in time");
      timer_.stop();
    } else if (!answer_) {
      answer_ = failed(resolver_.closed_ ? "the lookup was given up, as the program ends"
                                         : "no answer in " + shown(resolver_.settings_.timeout));
      if (number_) context_->give_up(*number_);
    }
    resolver_.leave(*this);
    context_.reset();
    completion.complete(std::move(*answer_));
  }

  event::Completion<Answer> completion;

 private:
  friend Impl;

  std::string name_;
  Type type_;
  Impl& resolver_;
  event::Timer timer_;
  std::shared_ptr<Context> context_;  // where it was asked
  std::optional<int> number_;
  std::chrono::steady_clock::time_point sent_;
  Questions* list_ = nullptr;
  Questions::iterator place_;
  std::optional<Answer> answer_;
  bool is_counted_ = false;  // in answers_
};

Result<void> Resolver::Impl::begin() {
  servers_ = settings_.servers;
  if (reads_resolv_conf()) {
    look_at_resolv_conf();
    // The default of resolv.conf(5) for a file without name servers.
    if (servers_.empty()) servers_ = {"127.0.0.1"};
  }
  // Report settings that libunbound rejects now.
  auto context = TRY(Context::create(loop_, context_settings(settings_.dnssec)));
  if (settings_.dnssec) {
    probe_servers();
  } else {
    context_ = std::move(context);
  }
  return {};
}

bool Resolver::Impl::reads_resolv_conf() const {
  return settings_.servers.empty() && std::ranges::none_of(settings_.stub_zones, is_root, &StubZone::zone);
}

// A file that is missing, or that is empty while it is being written, changes nothing.
void Resolver::Impl::look_at_resolv_conf() {
  looked_ = std::chrono::steady_clock::now();
  const auto version = file_stamp(settings_.resolv_conf);
  if (!version || version == resolv_conf_) return;
  const auto text = read_file(settings_.resolv_conf, file_limit);
  if (!text) return;
  resolv_conf_ = version;
  auto servers = resolv_conf_servers(*text);
  if (servers.empty() || servers == servers_) return;
  const bool changed = !std::exchange(servers_, std::move(servers)).empty();
  if (!changed) return;
  log_info("{} names other servers now: {}", settings_.resolv_conf.native(), fmt::join(servers_, ", "));
  warned_ = false;
  if (settings_.dnssec) {
    context_.reset();
    probe_servers();
  } else {
    use_context(false);
  }
}

ContextSettings Resolver::Impl::context_settings(bool validate) const {
  ContextSettings settings{.servers = servers_,
                           .stub_zones = settings_.stub_zones,
                           .cache_size = settings_.cache_size,
                           .sockets = sockets_for(settings_.max_questions)};
  if (!validate) return settings;
  settings.trust_anchor = settings_.trust_anchor;
  // The root's keys do not validate a zone that is not delegated from the root.
  for (const StubZone& stub : settings_.stub_zones) {
    const bool anchored = std::ranges::any_of(anchors_, [&](const std::string& anchor) {
      return is_root(anchor) ? is_root(stub.zone) : is_below(stub.zone, anchor);
    });
    if (!anchored) settings.insecure_zones.push_back(stub.zone);
  }
  return settings;
}

// Uses a new context from now on. The old one lives until its questions have ended.
void Resolver::Impl::use_context(bool validate) {
  auto context = Context::create(loop_, context_settings(validate));
  if (!context) {
    log_error("{}", context.error().message);
    return;
  }
  context_ = std::move(*context);
  validates_ = validate;
}

void Resolver::Impl::probe_servers() {
  const auto timeout = std::min(max_probe_time, settings_.timeout / 2);
  auto probe = Probe::begin(loop_, context_settings(false), anchors_.front(), timeout,
                            [this](Signatures outcome) { conclude_probe(outcome); });
  if (probe) {
    probe_ = std::move(*probe);
    return;
  }
  log_error("{}", probe.error().message);
  next_probe_.start(until_next_try);
}

void Resolver::Impl::conclude_probe(Signatures outcome) {
  probe_.reset();
  next_probe_.start(outcome == Signatures::unknown ? until_next_try : between_probes);
  const bool validate = outcome == Signatures::present || (outcome == Signatures::unknown && !warned_);
  if (outcome == Signatures::stripped && !std::exchange(warned_, true)) {
    log_warning(
        "the name servers ({}) leave out DNSSEC signatures: answers are not validated, and DANE does not "
        "count, until they pass them on",
        fmt::join(servers_, ", "));
  }
  if (outcome == Signatures::present && std::exchange(warned_, false)) {
    log_info("the name servers ({}) pass on DNSSEC signatures: answers are validated",
             fmt::join(servers_, ", "));
  }
  if (!context_ || validate != validates_) use_context(validate);
  if (!context_) next_probe_.start(until_next_try);
  advance();
}

void Resolver::Impl::take(Question& question) {
  if (!closed_ && reads_resolv_conf() && std::chrono::steady_clock::now() - looked_ >= between_looks)
    look_at_resolv_conf();
  question.list_ = &waiting_;
  question.place_ = waiting_.insert(waiting_.end(), &question);
  if (closed_) {
    question.end();
    return;
  }
  question.timer_.start(settings_.timeout);
  advance();
}

void Resolver::Impl::leave(Question& question) {
  question.list_->erase(question.place_);
  if (!closed_) advance();
}

void Resolver::Impl::advance() {
  // libunbound may still work on questions that were given up. When there are too many, their context is
  // dropped.
  if (context_ && context_->given_up() >= std::max(settings_.max_questions, std::size_t{100}))
    use_context(validates_);
  while (context_ && !waiting_.empty() && asked_.size() < settings_.max_questions && answers_ < max_answers) {
    Question& question = *waiting_.front();
    asked_.splice(asked_.end(), waiting_, question.place_);
    question.list_ = &asked_;
    question.sent_ = std::chrono::steady_clock::now();
    send(question);
  }
  make_room();
}

// Only if all places are taken: otherwise others wait just until answers have been taken. The questions that
// were asked first are first in `asked_`.
void Resolver::Impl::make_room() {
  if (!settings_.preempt_after || waiting_.empty() || asked_.size() < settings_.max_questions) return;
  const auto now = std::chrono::steady_clock::now();
  std::size_t needed = waiting_.size();
  for (Question* const question : asked_) {
    const auto until = question->sent_ + *settings_.preempt_after;
    if (now < until) return room_.start(std::chrono::ceil<Milliseconds>(until - now));
    // A question that has its answer is about to end.
    if (!question->answer_) question->put_off("no answer yet, and others wait for their turn");
    if (--needed == 0) return;
  }
}

void Resolver::Impl::send(Question& question) {
  // libunbound takes C strings.
  if (question.name_.find('\0') != std::string::npos) {
    question.fail(fmt::format("'{}' is no name that the DNS could know", printable(question.name_, 300)));
    return;
  }
  question.context_ = context_;
  const auto number = context_->ask(question.name_, static_cast<int>(question.type_), question);
  if (number) {
    question.number_ = *number;
  } else {
    question.fail(number.error().message);
  }
}

void Resolver::Impl::close() {
  closed_ = true;
  for (Questions* list : {&waiting_, &asked_}) {
    while (!list->empty()) list->front()->end();
  }
}

Result<std::unique_ptr<Resolver>> Resolver::create(event::Loop& loop, Settings settings) {
  TRY(check_settings(settings));
  auto impl = std::make_unique<Impl>(loop, std::move(settings), TRY(read_anchors(settings)));
  TRY(impl->begin());
  return std::unique_ptr<Resolver>(new Resolver(std::move(impl)));
}

Resolver::Resolver(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Resolver::~Resolver() {
  impl_->close();
}

event::Task<Answer> Resolver::ask(std::string name, Type type) {
  Impl::Question question(*impl_, std::move(name), type);
  impl_->take(question);
  Answer answer = co_await question.completion;
  co_return answer;
}

}  // namespace starttls::dns
