#include "listtool/examiner.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/try.h"
#include "certificate/chain.h"
#include "config/address.h"
#include "dns/resolver.h"
#include "http/fetcher.h"
#include "listtool/check_lists.h"
#include "smtp/prober.h"

namespace starttls::listtool {
namespace {

// From one connection to the next, so that there are at most so many a second.
std::chrono::milliseconds interval_of(unsigned rate) {
  constexpr unsigned second = 1'000;
  return std::chrono::milliseconds((second + rate - 1) / rate);
}

}  // namespace

Result<void> set_ehlo(ExaminerSettings& settings, const std::string& text) {
  settings.ehlo = TRY(DomainName::parse(text)).str();
  return {};
}

std::string host_name() {
  constexpr std::size_t size = 256;
  std::string name(size, '\0');
  if (::gethostname(name.data(), name.size() - 1) != 0) return "localhost";
  name.resize(name.find('\0'));
  return DomainName::parse(name) ? name : "localhost";
}

// What all examinations of a run share.
class Examiner::Network {
 public:
  Network(ExaminerSettings settings, const Context& context)
      : settings_(std::move(settings)), context_(context) {}

  Result<void> open();

  event::Loop& loop() { return loop_; }
  examination::Gatherer& gatherer() { return *gatherer_; }
  event::Task<dns::Answer> ask(std::string name, dns::Type type) {
    return resolver_->ask(std::move(name), type);
  }
  void on_connection(std::function<void()> callback) { on_connection_ = std::move(callback); }

 private:
  examination::Sources make_sources();
  bool is_private_endpoint(const smtp::ProbeRequest& request) const;

  ExaminerSettings settings_;
  const Context& context_;
  event::Loop loop_;
  std::unique_ptr<dns::Resolver> resolver_;
  std::unique_ptr<http::Fetcher> fetcher_;
  std::unique_ptr<smtp::Prober> prober_;
  std::unique_ptr<smtp::Prober> private_prober_;  // for the addresses of settings_.connect
  std::optional<CheckLists> lists_;
  std::function<void()> on_connection_;
  std::unique_ptr<examination::Gatherer> gatherer_;
};

bool Examiner::Network::is_private_endpoint(const smtp::ProbeRequest& request) const {
  return std::ranges::any_of(settings_.connect, [&](const auto& entry) {
    return entry.second.address == request.address && entry.second.port == request.port;
  });
}

examination::Sources Examiner::Network::make_sources() {
  examination::Sources sources{
      .ask = [this](std::string name, dns::Type type) { return resolver_->ask(std::move(name), type); },
      .get = [this](http::PageRequest request) { return fetcher_->get(std::move(request)); },
      .probe = {},
      .lists = [this](const DomainName& domain) { return lists_->find(domain, context_); },
      .policy_before = [this](const DomainName& domain) { return lists_->policy_before(domain, context_); }};
  if (settings_.no_smtp) return sources;
  sources.probe = [this](smtp::ProbeRequest request) {
    if (on_connection_) on_connection_();
    smtp::Prober& prober = is_private_endpoint(request) ? *private_prober_ : *prober_;
    return prober.probe(std::move(request));
  };
  return sources;
}

Result<void> Examiner::Network::open() {
  const discovery::DiscoverySettings& discovery = context_.configuration.discovery;
  resolver_ = TRY(dns::Resolver::create(loop_, discovery.dns));
  auto authorities = TRY(certificate::Authorities::load(discovery.policy_hosts.ca_file));
  http::FetcherSettings policy_hosts = discovery.policy_hosts;
  // To read all authorities of a system takes as long as a probe: once is enough.
  policy_hosts.authorities = authorities.copy_store();
  policy_hosts.keep_certificate = true;
  fetcher_ = TRY(http::Fetcher::create(loop_, std::move(policy_hosts)));
  smtp::ProberSettings prober;
  prober.schedule.interval = interval_of(settings_.rate);
  prober_ = std::make_unique<smtp::Prober>(loop_, prober);
  prober.private_addresses = true;
  private_prober_ = std::make_unique<smtp::Prober>(loop_, prober);
  lists_ = TRY(CheckLists::open(context_));
  examination::GatherSettings gather{
      .now = context_.now,
      .later = context_.now + std::chrono::days(settings_.days),
      .ehlo_name = settings_.ehlo.empty() ? host_name() : settings_.ehlo,
      .depth = settings_.thorough ? examination::Depth::thorough : examination::Depth::brief,
      .only_host = settings_.only_host,
      .connect = settings_.connect};
  gatherer_ =
      std::make_unique<examination::Gatherer>(make_sources(), std::move(authorities), std::move(gather));
  return {};
}

Result<void> add_endpoint(std::map<std::string, examination::Endpoint>& connect, const std::string& text) {
  const std::size_t equals = text.find('=');
  const std::size_t colon = text.rfind(':');
  if (equals == std::string::npos || colon == std::string::npos || colon < equals)
    return fail(Fault::usage, "'{}' is not MX=ADDRESS:PORT", text);
  const DomainName host = TRY(DomainName::parse(text.substr(0, equals)));
  const auto to = TRY(config::parse_address(text.substr(equals + 1)));
  const auto address = IpAddress::parse(to.host);
  if (!address) return fail(Fault::usage, "'{}' names no address", text);
  connect[host.str()] = {.address = *address, .port = to.port};
  return {};
}

Examiner::Examiner(std::unique_ptr<Network> network) : network_(std::move(network)) {}
Examiner::~Examiner() = default;

Result<std::unique_ptr<Examiner>> Examiner::create(ExaminerSettings settings, const Context& context) {
  auto network = std::make_unique<Network>(std::move(settings), context);
  TRY(network->open());
  return std::unique_ptr<Examiner>(new Examiner(std::move(network)));
}

event::Loop& Examiner::loop() {
  return network_->loop();
}

examination::Gatherer& Examiner::gatherer() {
  return network_->gatherer();
}

event::Task<dns::Answer> Examiner::ask(std::string name, dns::Type type) {
  return network_->ask(std::move(name), type);
}

void Examiner::on_connection(std::function<void()> callback) {
  network_->on_connection(std::move(callback));
}

}  // namespace starttls::listtool
