#include "report/sending.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <random>

#include "base/console.h"
#include "base/counted.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "http/post.h"
#include "mail/report_mail.h"
#include "mailer/hand_over.h"
#include "report/published.h"
#include "report/tables.h"
#include "store/sending_domain.h"
#include "tlsrpt/gzip.h"
#include "tlsrpt/record.h"
#include "tlsrptdb/report_store.h"
#include "tlsrptdb/suppressions.h"

namespace starttls::report {
namespace {

constexpr const char* came_back = "mail to each destination came back; see tlsrpt-report queue";
constexpr const char* media_type = "application/tlsrpt+gzip";

// Spreads sending, so that not every host sends at midnight (RFC 8460 section 4.1).
Time some_time_within(Time now, std::chrono::milliseconds window) {
  std::random_device random;
  return now +
         std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(0, window.count())(random));
}

// The registrable domain of each delivery's server; "" for mail, which all goes to our own mail server.
std::vector<std::string> servers_of(const std::vector<tlsrptdb::Delivery>& deliveries) {
  const auto registrable = store::sending_domain();
  std::vector<std::string> servers;
  servers.reserve(deliveries.size());
  for (const tlsrptdb::Delivery& delivery : deliveries) {
    const auto destination = tlsrpt::parse_destination(delivery.destination);
    if (!destination || destination->scheme == tlsrpt::Destination::Scheme::mailto) {
      servers.emplace_back();
      continue;
    }
    const std::string& host = destination->host.str();
    const std::string domain = registrable ? (*registrable)(host) : "";
    servers.push_back(domain.empty() ? host : domain);
  }
  return servers;
}

std::chrono::milliseconds timeout_for(const tlsrptdb::Delivery& delivery,
                                      std::chrono::milliseconds time_left) {
  const std::chrono::milliseconds timeout = delivery.tries == 0 ? first_delivery_timeout : delivery_timeout;
  return std::min(timeout, time_left);
}

}  // namespace

Result<void> check_day_to_send(Day day, Time now) {
  const Time end = day + std::chrono::days(1);
  if (end > now) return fail(Fault::usage, "{} is not over yet", to_string(day));
  if (end < now - known_for) {
    return fail(
        Fault::usage,
        "{0} ended more than {1} days ago: no report about it is sent, as it is not known any more which "
        "were sent before",
        to_string(day), known_for.count());
  }
  return {};
}

int exit_status(const SendingOutcome& outcome) {
  if (outcome.given_up > 0) return 1;
  return outcome.waiting > 0 ? static_cast<int>(Fault::temporary) : 0;
}

Result<ReportSender> ReportSender::open(const Context& context, Lookup& lookup) {
  // If it cannot be created, opening the queue returns the reason.
  std::error_code ignored;
  std::filesystem::create_directories(context.configuration.state_dir, ignored);
  const auto file = tlsrptdb::report_file(context.configuration.state_dir);
  auto queue = TRY(tlsrptdb::DeliveryQueue::open(file, store::Access::owner));
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return cannot_read(file.string(), errno);
  TRY(lock(fd, file, "another process uses it"));
  return ReportSender(context, lookup, std::move(fd), std::move(queue));
}

Result<void> ReportSender::enqueue(const tlsrpt::Report& all, const Reporter& reporter) {
  const auto destinations = TRY(without_suppressed(context_->report.rua));
  if (destinations.empty() && !context_->report.rua.empty()) {
    warn(fmt::format("no report is sent: {}", came_back));
    return {};
  }
  for (const tlsrpt::PolicyResult& policy : all.policies) {
    TRY(enqueue(report_for(all, policy), {.domain = policy.policy_domain, .destinations = destinations},
                reporter));
  }
  return flush();
}

Result<void> ReportSender::enqueue(const tlsrpt::Report& report, const Addressing& to,
                                   const Reporter& reporter) {
  auto packed = TRY(tlsrpt::gzip(tlsrpt::to_json(report)));
  const Time now = context_->clock();
  tlsrptdb::PackedDelivery one{
      .delivery = {.report_id = report.head.report_id,
                   .policy_domain = to.domain,
                   .submitter = reporter.domain,
                   .sender = reporter.sender,
                   .file_name = tlsrpt::file_name(reporter.domain, to.domain, report.head.begin,
                                                  report.head.end, true, to.unique_id),
                   .created = now,
                   .next_try =
                       to.at_once ? now : some_time_within(now, context_->configuration.report.send_window),
                   .held_for = to.held_for},
      .json_gzip = std::move(packed)};
  if (to.destinations.empty()) packed_.push_back(one);
  for (const tlsrpt::Destination& destination : to.destinations) {
    one.delivery.destination = destination.uri();
    packed_.push_back(one);
  }
  return packed_.size() < max_packed ? Result<void>() : flush();
}

Result<void> ReportSender::flush() {
  queued_ += TRY(queue_.add(packed_));
  packed_.clear();
  return {};
}

Result<SendingOutcome> ReportSender::deliver() {
  const Time begun = context_->clock();
  SendingOutcome outcome;
  TRY(find_destinations(begun, outcome));
  auto due = TRY(queue_.due(begun));
  std::ranges::stable_sort(due, {}, &tlsrptdb::Delivery::tries);
  const WorkListener listener{.prepare = [&](std::size_t index) { return prepare((due)[index]); },
                              .ended = [&](std::size_t index, const Result<void>& sent) -> Result<void> {
                                const tlsrptdb::Delivery& delivery = (due)[index];
                                if (!sent) return record_failure(delivery, sent.error(), outcome);
                                ++outcome.sent;
                                return queue_.set_sent(delivery.id, context_->clock());
                              }};
  const auto left = TRY(run_in_parallel(
      servers_of(due), {.max_concurrent = max_deliveries, .max_time = max_sending_time}, listener));
  if (left > 0) {
    outcome.waiting += left;
    warn(fmt::format("{} postponed to the next run: sending took {} minutes", counted(left, "report"),
                     max_sending_time.count()));
  }
  TRY(queue_.forget(context_->clock() - known_for));
  return outcome;
}

// Replaces each due delivery without a destination by one delivery for each destination of its domain.
Result<void> ReportSender::find_destinations(Time now, SendingOutcome& outcome) {
  auto due = TRY(queue_.due(now));
  std::erase_if(due, [](const tlsrptdb::Delivery& delivery) { return !delivery.destination.empty(); });
  std::set<std::string> domains;
  for (const tlsrptdb::Delivery& delivery : due) domains.insert(delivery.policy_domain);
  const auto found = TRY(lookup_->destinations(domains));
  for (tlsrptdb::Delivery& delivery : due) {
    const auto answer = found.find(delivery.policy_domain);
    ReportDestinations wanted =
        answer != found.end() ? answer->second
                              : ReportDestinations{.destinations = {}, .error = "it is not a domain name"};
    if (wanted.is_temporary) {
      TRY(record_failure(delivery, {Fault::temporary, wanted.error}, outcome));
      continue;
    }
    if (!wanted.destinations.empty()) {
      wanted.destinations = TRY(without_suppressed(wanted.destinations));
      wanted.error = came_back;
    }
    if (wanted.destinations.empty()) {
      warn(fmt::format("{}: no report is sent: {}", printable(delivery.policy_domain, 200), wanted.error));
    }
    const auto content = TRY(queue_.json_gzip(delivery.id));
    for (const tlsrpt::Destination& destination : wanted.destinations) {
      delivery.destination = destination.uri();
      TRY(queue_.add(delivery, content));
    }
    TRY(queue_.remove(delivery.id));
  }
  return {};
}

Result<std::vector<tlsrpt::Destination>> ReportSender::without_suppressed(
    std::span<const tlsrpt::Destination> destinations) {
  auto suppressions = TRY(tlsrptdb::Suppressions::open(
      tlsrptdb::report_file(context_->configuration.state_dir), store::Access::read));
  std::set<std::string> suppressed;
  for (const tlsrptdb::Suppression& one : TRY(suppressions.active(context_->clock())))
    suppressed.insert(one.address);
  std::vector<tlsrpt::Destination> left(destinations.begin(), destinations.end());
  std::erase_if(left, [&](const tlsrpt::Destination& one) {
    return one.scheme == tlsrpt::Destination::Scheme::mailto && suppressed.contains(to_lower(one.target));
  });
  return left;
}

Result<void> ReportSender::record_failure(const tlsrptdb::Delivery& delivery, const Error& error,
                                          SendingOutcome& outcome) {
  const bool is_temporary = error.fault != Fault::data;
  const auto state = TRY(queue_.set_failed(delivery, error.message, is_temporary, context_->clock()));
  const std::string message = fmt::format("{}: {}", printable(delivery.policy_domain, 200), error.message);
  if (state == tlsrptdb::DeliveryState::waiting) {
    ++outcome.waiting;
    warn(message);
  } else {
    ++outcome.given_up;
    print_error(program, message);
  }
  return {};
}

// Warns about a report that is tried again, or that has no destination.
void ReportSender::warn(const std::string& message) const {
  if (!context_->quiet) print_warning(program, message);
}

// The work has copies of all that it needs: its thread uses neither the queue nor GMime.
Result<Work> ReportSender::prepare(const tlsrptdb::Delivery& delivery) {
  auto content = TRY(queue_.json_gzip(delivery.id));
  if (delivery.destination.starts_with("mailto:")) return prepare_mail(delivery, content);
  const auto& hosts = context_->report.discovery.policy_hosts;
  return [&hosts, delivery, content = std::move(content)](std::chrono::milliseconds time_left) {
    return http::post({.url = delivery.destination,
                       .content_type = media_type,
                       .body = content,
                       .ca_file = hosts.ca_file,
                       .private_addresses = hosts.private_addresses,
                       .total = timeout_for(delivery, time_left)});
  };
}

Result<Work> ReportSender::prepare_mail(const tlsrptdb::Delivery& delivery, const std::string& json_gzip) {
  const std::string recipient = delivery.destination.substr(std::string_view("mailto:").size());
  auto message = mail::compose({.from = delivery.sender,
                                .to = recipient,
                                .policy_domain = delivery.policy_domain,
                                .submitter = delivery.submitter,
                                .report_id = delivery.report_id,
                                .date = delivery.created,
                                .file_name = delivery.file_name,
                                .json_gzip = json_gzip});
  return [place = context_->configuration.report.mail, sender = delivery.sender, recipient,
          message = std::move(message)](std::chrono::milliseconds time_left) -> Result<void> {
    if (!message) return std::unexpected(message.error());
    const auto timeout = std::min<std::chrono::milliseconds>(mail_timeout, time_left);
    return mailer::hand_over(
        place, {.sender = sender, .recipient = recipient, .message = *message, .time_limit = timeout});
  };
}

}  // namespace starttls::report
