#include "http/fetcher.h"

#include <curl/curl.h>

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/file.h"
#include "base/public_address.h"
#include "base/text.h"
#include "base/try.h"
#include "event/task.h"
#include "http/page_transfer.h"

namespace starttls::http {
namespace {

using Clock = std::chrono::steady_clock;
using Multi = std::unique_ptr<CURLM, decltype(&::curl_multi_cleanup)>;

constexpr std::size_t ca_file_limit = std::size_t{16} << 20U;
constexpr std::size_t shown_address_limit = 100;

// Checks the file at the start: curl reads it at the first handshake, which is too late to report an error of
// the configuration.
Result<void> is_ca_file(const std::filesystem::path& path) {
  const auto text = read_file(path, ca_file_limit);
  if (!text) return fail(Fault::config, "the CA file cannot be used: {}", text.error().message);
  if (!text->contains("-----BEGIN ")) {
    return fail(Fault::config, "the CA file cannot be used: {}: holds no certificate in PEM", path.string());
  }
  return {};
}

Page no_page(FetchError error, std::string reason) {
  return {.error = error, .reason = std::move(reason)};
}

Page busy(std::string reason) {
  return no_page(FetchError::busy, std::move(reason));
}

// Watches a socket of curl's for reading and for writing.
struct Readiness {
  std::unique_ptr<event::DescriptorWatcher> reading;
  std::unique_ptr<event::DescriptorWatcher> writing;
};

}  // namespace

class Fetcher::Impl {
 public:
  Impl(event::Loop& loop, FetcherSettings settings, Multi multi);
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
  ~Impl();

  // Completes `page` at once or later.
  void ask(PageRequest request, event::Completion<Page>& page);

  std::size_t under_way() const { return limiter_.running(); }
  std::size_t waiting() const { return limiter_.waiting(); }

 private:
  struct Asked {
    PageRequest request;
    event::Completion<Page>* page;
  };
  using Line = ConcurrencyLimiter<Asked>;
  struct UnderWay {
    Asked asked;
    std::unique_ptr<PageTransfer> transfer;
    Line::Ticket ticket;
  };

  static int watch(CURL*, curl_socket_t socket, int what, void* impl, void*) noexcept;
  static int set_timer(CURLM*, long milliseconds, void* impl) noexcept;
  void watch_for(curl_socket_t socket, int what);

  std::optional<Page> choose_addresses(std::vector<std::string>& addresses) const;
  void start_next();
  void start(Line::Turn turn);
  void end_for_others(Line::Ticket ticket);
  std::unique_ptr<PageTransfer> take_transfer();
  void go_on(curl_socket_t socket, int ready);
  void finish(CURL* easy, CURLcode code);
  void answer(const Asked& asked, Page page);

  event::Loop& loop_;
  FetcherSettings settings_;
  Line limiter_;
  bool closing_ = false;
  std::unordered_map<curl_socket_t, Readiness> sockets_;
  event::Timer timer_;
  event::Timer queue_timer_;
  std::vector<CURL*> lost_;  // of PageTransfer
  std::vector<std::unique_ptr<PageTransfer>> idle_;
  std::unordered_map<CURL*, UnderWay> under_way_;
  Multi multi_;
};

Fetcher::Impl::Impl(event::Loop& loop, FetcherSettings settings, Multi multi)
    : loop_(loop),
      settings_(std::move(settings)),
      limiter_({.max_concurrent = settings_.max_concurrent,
                .max_per_address = settings_.max_per_address,
                .queue = settings_.queue}),
      timer_(loop, [this] { go_on(CURL_SOCKET_TIMEOUT, 0); }),
      queue_timer_(loop, [this] { start_next(); }),
      multi_(std::move(multi)) {
  ::curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETFUNCTION, &Impl::watch);
  ::curl_multi_setopt(multi_.get(), CURLMOPT_SOCKETDATA, this);
  ::curl_multi_setopt(multi_.get(), CURLMOPT_TIMERFUNCTION, &Impl::set_timer);
  ::curl_multi_setopt(multi_.get(), CURLMOPT_TIMERDATA, this);
}

// A coroutine that resumes may ask again. The answer is then immediate.
Fetcher::Impl::~Impl() {
  closing_ = true;
  std::vector<Asked> pending;
  for (auto& [easy, fetch] : under_way_) {
    ::curl_multi_remove_handle(multi_.get(), easy);
    pending.push_back(std::move(fetch.asked));
  }
  under_way_.clear();
  for (Asked& asked : std::move(limiter_).drain()) pending.push_back(std::move(asked));
  for (Asked& asked : pending) asked.page->complete(no_page(FetchError::connection, "given up"));
}

void Fetcher::Impl::ask(PageRequest request, event::Completion<Page>& page) {
  if (closing_) return page.complete(no_page(FetchError::connection, "given up"));
  if (auto refused = choose_addresses(request.addresses)) return page.complete(std::move(*refused));
  AddressBlock place = block_of(request.addresses.front());
  const bool is_known = request.is_known;
  auto turned_away = limiter_.enqueue(
      {.address = std::move(place.block), .network = std::move(place.network), .is_known = is_known},
      {.request = std::move(request), .page = &page}, Clock::now());
  if (turned_away) answer(*turned_away, busy("too many policy hosts are waited for"));
  start_next();
}

// Keeps the addresses that we may connect to. If none is left, returns why.
std::optional<Page> Fetcher::Impl::choose_addresses(std::vector<std::string>& addresses) const {
  if (addresses.empty()) return no_page(FetchError::address, "no address");
  for (const std::string& address : addresses) {
    if (is_address(address)) continue;
    return no_page(FetchError::address,
                   fmt::format("not an address: {}", printable(address, shown_address_limit)));
  }
  if (settings_.private_addresses) return std::nullopt;
  const std::string first = addresses.front();
  std::erase_if(addresses, [](const std::string& address) { return !is_public(address); });
  if (addresses.empty()) return not_public(first);
  return std::nullopt;
}

// Not called inside curl's callbacks.
void Fetcher::Impl::start_next() {
  for (;;) {
    while (auto turn = limiter_.try_start(Clock::now())) start(std::move(*turn));
    const auto ticket = limiter_.longest_preemptible(Clock::now());
    if (!ticket) break;
    end_for_others(*ticket);
  }
  while (const auto late = limiter_.take_expired(Clock::now())) {
    answer(*late, busy("its turn to be asked did not come in time"));
  }
  const auto moment = limiter_.next_deadline();
  if (!moment) return queue_timer_.stop();
  const auto until = std::chrono::ceil<std::chrono::milliseconds>(*moment - Clock::now());
  queue_timer_.start(std::max(until, std::chrono::milliseconds{1}));
}

void Fetcher::Impl::start(Line::Turn turn) {
  const auto ticket = turn.ticket;
  auto& asked = turn.item;
  auto transfer = take_transfer();
  const bool started = transfer && [&] {
    transfer->prepare(asked.request, [this, ticket](const std::string& address) {
      return limiter_.add_address(ticket, address);
    });
    return ::curl_multi_add_handle(multi_.get(), transfer->easy()) == CURLM_OK;
  }();
  if (!started) {
    limiter_.release(ticket);
    return answer(asked, no_page(FetchError::connection, "libcurl cannot be started"));
  }
  CURL* const easy = transfer->easy();
  under_way_.emplace(easy, UnderWay{std::move(asked), std::move(transfer), ticket});
}

void Fetcher::Impl::end_for_others(Line::Ticket ticket) {
  const auto found =
      std::ranges::find(under_way_, ticket, [](const auto& fetch) { return fetch.second.ticket; });
  auto fetch = under_way_.extract(found);
  ::curl_multi_remove_handle(multi_.get(), fetch.key());
  limiter_.release(ticket);
  answer(fetch.mapped().asked, busy("no answer yet, and others wait for their turn"));
  idle_.push_back(std::move(fetch.mapped().transfer));
}

std::unique_ptr<PageTransfer> Fetcher::Impl::take_transfer() {
  if (idle_.empty()) return PageTransfer::create(settings_, lost_);
  auto transfer = std::move(idle_.back());
  idle_.pop_back();
  return transfer;
}

// Not called inside curl's callbacks, so that curl may be called here.
void Fetcher::Impl::go_on(curl_socket_t socket, int ready) {
  int running = 0;
  ::curl_multi_socket_action(multi_.get(), socket, ready, &running);
  int left = 0;
  while (const CURLMsg* message = ::curl_multi_info_read(multi_.get(), &left)) {
    if (message->msg == CURLMSG_DONE) finish(message->easy_handle, message->data.result);
  }
  for (CURL* easy : std::exchange(lost_, {})) {
    if (under_way_.contains(easy)) PageTransfer::wake(easy);
  }
  start_next();
}

void Fetcher::Impl::finish(CURL* easy, CURLcode code) {
  auto fetch = under_way_.extract(easy);
  ::curl_multi_remove_handle(multi_.get(), easy);
  auto& [asked, transfer, ticket] = fetch.mapped();
  limiter_.release(ticket);
  answer(asked, transfer->conclude(code));
  idle_.push_back(std::move(transfer));
}

// Answers later, from the loop: a coroutine that resumes may ask for more, or destroy this fetcher.
void Fetcher::Impl::answer(const Asked& asked, Page page) {
  loop_.post(
      [completion = asked.page, page = std::move(page)]() mutable { completion->complete(std::move(page)); });
}

int Fetcher::Impl::watch(CURL*, curl_socket_t socket, int what, void* impl, void*) noexcept {
  static_cast<Impl*>(impl)->watch_for(socket, what);
  return 0;
}

void Fetcher::Impl::watch_for(curl_socket_t socket, int what) {
  if (what == CURL_POLL_REMOVE) {
    sockets_.erase(socket);
    return;
  }
  Readiness& readiness = sockets_[socket];
  const auto set = [&](std::unique_ptr<event::DescriptorWatcher>& watch,
                       event::DescriptorWatcher::For direction, bool wanted, int ready) {
    if (wanted == (watch != nullptr)) return;
    watch = wanted ? std::make_unique<event::DescriptorWatcher>(
                         loop_, socket, direction, [this, socket, ready] { go_on(socket, ready); })
                   : nullptr;
  };
  set(readiness.reading, event::DescriptorWatcher::For::reading, (what & CURL_POLL_IN) != 0, CURL_CSELECT_IN);
  set(readiness.writing, event::DescriptorWatcher::For::writing, (what & CURL_POLL_OUT) != 0,
      CURL_CSELECT_OUT);
}

int Fetcher::Impl::set_timer(CURLM*, long milliseconds, void* impl) noexcept {
  event::Timer& timer = static_cast<Impl*>(impl)->timer_;
  if (milliseconds < 0) {
    timer.stop();
  } else {
    timer.start(std::chrono::milliseconds(milliseconds));
  }
  return 0;
}

Result<std::unique_ptr<Fetcher>> Fetcher::create(event::Loop& loop, FetcherSettings settings) {
  const char* const of_the_system = ::curl_version_info(CURLVERSION_NOW)->cainfo;
  const std::filesystem::path authorities =
      !settings.ca_file.empty() || of_the_system == nullptr ? settings.ca_file : of_the_system;
  if (!authorities.empty() && !settings.authorities) {
    TRY(is_ca_file(authorities));
  }
  Multi multi(start_curl() ? ::curl_multi_init() : nullptr, &::curl_multi_cleanup);
  if (!multi) return fail(Fault::internal, "libcurl cannot be started");
  auto impl = std::make_unique<Impl>(loop, std::move(settings), std::move(multi));
  return std::unique_ptr<Fetcher>(new Fetcher(std::move(impl)));
}

Fetcher::Fetcher(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Fetcher::~Fetcher() = default;

std::size_t Fetcher::under_way() const {
  return impl_->under_way();
}

std::size_t Fetcher::waiting() const {
  return impl_->waiting();
}

event::Task<Page> Fetcher::get(PageRequest request) {
  event::Completion<Page> completion;
  impl_->ask(std::move(request), completion);
  Page page = co_await completion;
  co_return page;
}

}  // namespace starttls::http
