#include "milter/recording_rules.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"

namespace starttls::milter {
namespace {

// The bits of an address that identify a network, but no single user.
constexpr std::size_t kept_bits_ipv4 = 24;
constexpr std::size_t kept_bits_ipv6 = 48;

std::optional<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

template <class Values, class Value>
bool has(const Values& values, const Value& value) {
  return std::ranges::find(values, value) != values.end();
}

// Whether a value is in the list of wanted ones, if that has any, and not in the list of excluded ones.
template <class Values, class Value>
bool is_wanted(const Values& only, const Values& excluded, const Value& value) {
  return (only.empty() || has(only, value)) && !has(excluded, value);
}

}  // namespace

RecordingRules::RecordingRules(const config::MilterConfig& config, std::optional<PseudonymKey> key)
    : filter_(config.sessions),
      address_detail_(config.client_address),
      follows_log_(!config.mta_log.empty()),
      key_(std::move(key)) {}

const IpNetwork* RecordingRules::find_local(std::string_view address) const {
  const auto parsed = IpAddress::parse(address);
  if (!parsed) return nullptr;
  const auto& networks = filter_.local_networks;
  const auto found =
      std::ranges::find_if(networks, [&](const IpNetwork& network) { return network.contains(*parsed); });
  return found == networks.end() ? nullptr : &*found;
}

std::string RecordingRules::find_local_network(std::string_view address) const {
  const IpNetwork* network = find_local(address);
  return network == nullptr ? std::string() : network->text();
}

std::optional<ExclusionReason> RecordingRules::excludes(std::string_view client_address,
                                                        const Daemon& daemon) const {
  if (find_local(client_address) != nullptr) return ExclusionReason::local_network;
  const auto port = number(daemon.port);
  const bool wanted = (!port || is_wanted(filter_.ports, filter_.excluded_ports, *port)) &&
                      is_wanted(filter_.daemons, filter_.excluded_daemons, to_lower(daemon.name));
  return wanted ? std::nullopt : std::optional(ExclusionReason::daemon);
}

std::string RecordingRules::shortened(const std::string& address) const {
  if (address_detail_ == config::AddressDetail::full) return address;
  const auto parsed =
      address_detail_ == config::AddressDetail::prefix ? IpAddress::parse(address) : std::nullopt;
  return parsed ? parsed->masked(parsed->is_ipv4() ? kept_bits_ipv4 : kept_bits_ipv6).text() : std::string();
}

std::string RecordingRules::address_pseudonym(const std::string& address) const {
  return address_detail_ == config::AddressDetail::full || !key_ ? std::string() : key_->pseudonym(address);
}

std::optional<session::Session> RecordingRules::to_record(session::Session session, bool excluded) const {
  const bool is_silent = session.tls_version.empty() && session.transactions == 0;
  session.awaits_log = follows_log_ && is_silent;
  session.excluded = excluded;
  if (excluded && !session.awaits_log) return std::nullopt;
  if (session.awaits_log) session.address_pseudonym = address_pseudonym(session.client_address);
  if (address_detail_ != config::AddressDetail::full) {
    session.client_address = shortened(session.client_address);
    // HELO may be an address, or contain one.
    if (!session.helo.empty()) session.helo = "-";
  }
  return session;
}

bool RecordingRules::is_wanted_service(const session::LoggedFailure& failure) const {
  return has(filter_.log_services, to_lower(failure.service));
}

std::optional<FailureExclusion> RecordingRules::excludes(const session::LoggedFailure& failure) const {
  if (find_local(failure.client_address) != nullptr) return FailureExclusion::local_network;
  const std::string service = to_lower(failure.service);
  // For Sendmail the service is the daemon.
  const bool is_named = has(filter_.excluded_log_services, service) || has(filter_.excluded_daemons, service);
  if (is_named || (!filter_.log_services.empty() && !is_wanted_service(failure)))
    return FailureExclusion::service;
  if (failure.implicit_tls && !is_wanted_service(failure)) return FailureExclusion::implicit_tls;
  return std::nullopt;
}

store::LogEvent RecordingRules::to_record(const session::LoggedFailure& failure,
                                          const session::LogPosition& position, std::string_view receiving_mx,
                                          bool watched) const {
  store::LogEvent event{.position = position, .receiving_mx = std::string(receiving_mx)};
  if (excludes(failure)) return event;
  event.failure = failure;
  event.failure->client_address = shortened(failure.client_address);
  event.watched = watched;
  event.wanted = is_wanted_service(failure);
  event.address_pseudonym = address_pseudonym(failure.client_address);
  return event;
}

}  // namespace starttls::milter
