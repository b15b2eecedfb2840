#include "report/sending.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <iterator>
#include <random>

#include "base/console.h"
#include "base/counted.h"
#include "base/file.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "http/post.h"
#include "mail/report_mail.h"
#include "report/published.h"
#include "report/tables.h"
#include "store/sending_domain.h"
#include "tlsrpt/gzip.h"
#include "tlsrpt/record.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {
namespace {

constexpr std::chrono::days kept_for{30};  // what was sent or given up, to be looked at
constexpr const char* media_type = "application/tlsrpt+gzip";

// So that not everybody sends at midnight (RFC 8460 section 4.1).
Time some_time_within(Time now, std::chrono::milliseconds window) {
  std::random_device random;
  return now +
         std::chrono::milliseconds(std::uniform_int_distribution<std::int64_t>(0, window.count())(random));
}

// For sendmail(8), which takes lines as this system has them.
std::string with_plain_newlines(const std::string& message) {
  std::string plain;
  for (const char c : message) {
    if (c != '\r') plain += c;
  }
  return plain;
}

Result<UniqueFd> in_memory(const std::string& content) {
  UniqueFd fd(::memfd_create("mail", MFD_CLOEXEC));
  if (!fd) return fail(Fault::temporary, "no memory for a mail: {}", errno_text(errno));
  if (const int error = write_all(fd.get(), content); error != 0)
    return fail(Fault::temporary, "no memory for a mail: {}", errno_text(error));
  ::lseek(fd.get(), 0, SEEK_SET);
  return fd;
}

// What a program that failed says may pass, as sysexits.h has it: a full disk, a queue that is closed for
// now.
Result<void> hand_to_program(const std::string& sendmail, const std::string& sender,
                             const std::string& message, std::chrono::milliseconds time_limit) {
  const auto input = in_memory(with_plain_newlines(message));
  if (!input) return std::unexpected(input.error());
  const auto done = run_program(
      {.argv = {sendmail, "-t", "-i", "-f", sender}, .stdin_fd = input->get(), .time_limit = time_limit});
  if (!done) return fail(Fault::temporary, "{}", done.error().message);
  if (done->succeeded()) return {};
  const bool is_final =
      done->exit_status == static_cast<int>(Fault::data) || done->exit_status == 67;  // EX_NOUSER
  return fail(is_final ? Fault::data : Fault::temporary, "{}", failure_text(sendmail, *done));
}

// Whose servers a delivery goes to: one of them at a time. All mail goes to our own.
std::vector<std::string> servers_of(const std::vector<tlsrptdb::Delivery>& deliveries) {
  const auto registrable = store::sending_domain();
  std::vector<std::string> places;
  places.reserve(deliveries.size());
  for (const tlsrptdb::Delivery& delivery : deliveries) {
    const auto destination = tlsrpt::parse_destination(delivery.destination);
    if (!destination || destination->scheme == tlsrpt::Destination::Scheme::mailto) {
      places.emplace_back();
      continue;
    }
    const std::string& host = destination->host.str();
    const std::string domain = registrable ? (*registrable)(host) : "";
    places.push_back(domain.empty() ? host : domain);
  }
  return places;
}

std::chrono::milliseconds timeout_for(const tlsrptdb::Delivery& delivery,
                                      std::chrono::milliseconds time_left) {
  const std::chrono::milliseconds patience = delivery.tries == 0 ? first_delivery_timeout : delivery_timeout;
  return std::min(patience, time_left);
}

}  // namespace

Result<Sending> Sending::begin(const Surroundings& surroundings, Lookup& lookup) {
  // Where it cannot be made, what follows says why.
  std::error_code ignored;
  std::filesystem::create_directories(surroundings.configuration.state_dir, ignored);
  const auto file = tlsrptdb::report_file(surroundings.configuration.state_dir);
  auto queue = tlsrptdb::DeliveryQueue::open(file, store::Access::owner);
  if (!queue) return std::unexpected(queue.error());
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return cannot_read(file.string(), errno);
  if (auto locked = lock(fd, file, "another process works with it"); !locked)
    return std::unexpected(locked.error());
  return Sending(surroundings, lookup, std::move(fd), std::move(*queue));
}

Result<void> Sending::enqueue(const tlsrpt::Report& all, const Reporter& reporter) {
  std::vector<std::string> destinations;
  std::ranges::transform(surroundings_->report.rua, std::back_inserter(destinations),
                         &tlsrpt::Destination::uri);
  if (destinations.empty()) destinations.emplace_back();
  const Time now = surroundings_->clock();
  for (const tlsrpt::PolicyResult& policy : all.policies) {
    const tlsrpt::Report report = report_for(all, policy);
    const auto packed = tlsrpt::gzip(tlsrpt::to_json(report));
    if (!packed) return std::unexpected(packed.error());
    for (const std::string& destination : destinations) {
      const tlsrptdb::Delivery delivery{
          .report_id = report.head.report_id,
          .destination = destination,
          .policy_domain = policy.policy_domain,
          .submitter = reporter.domain,
          .sender = reporter.sender,
          .file_name =
              tlsrpt::file_name(reporter.domain, policy.policy_domain, all.head.begin, all.head.end, true),
          .created = now,
          .next_try = some_time_within(now, surroundings_->configuration.send_window)};
      if (auto added = queue_.add(delivery, *packed); !added) return std::unexpected(added.error());
    }
  }
  return {};
}

Result<SendingOutcome> Sending::deliver() {
  const Time begun = surroundings_->clock();
  SendingOutcome outcome;
  if (auto done = find_destinations(begun, outcome); !done) return std::unexpected(done.error());
  auto due = queue_.due(begun);
  if (!due) return std::unexpected(due.error());
  std::ranges::stable_sort(*due, {}, &tlsrptdb::Delivery::tries);
  const WorkListener listener{.prepare = [&](std::size_t index) { return prepare((*due)[index]); },
                              .ended = [&](std::size_t index, const Result<void>& sent) -> Result<void> {
                                const tlsrptdb::Delivery& delivery = (*due)[index];
                                if (!sent) return record_failure(delivery, sent.error(), outcome);
                                ++outcome.sent;
                                return queue_.set_sent(delivery.id);
                              }};
  const auto left = run_in_parallel(servers_of(*due),
                                    {.max_at_once = max_deliveries, .max_time = max_sending_time}, listener);
  if (!left) return std::unexpected(left.error());
  if (*left > 0) {
    outcome.waiting += *left;
    warn(fmt::format("{} left for the next time: sending took {} minutes", counted(*left, "report"),
                     max_sending_time.count()));
  }
  if (auto done = queue_.forget(surroundings_->clock() - kept_for); !done)
    return std::unexpected(done.error());
  return outcome;
}

// Makes of each delivery that is due and has no destination one for each place that its domain names. None
// without a destination is due then.
Result<void> Sending::find_destinations(Time now, SendingOutcome& outcome) {
  auto due = queue_.due(now);
  if (!due) return std::unexpected(due.error());
  std::erase_if(*due, [](const tlsrptdb::Delivery& delivery) { return !delivery.destination.empty(); });
  std::set<std::string> domains;
  for (const tlsrptdb::Delivery& delivery : *due) domains.insert(delivery.policy_domain);
  const auto found = lookup_->destinations(domains);
  if (!found) return std::unexpected(found.error());
  for (tlsrptdb::Delivery& delivery : *due) {
    const auto answer = found->find(delivery.policy_domain);
    const ReportDestinations wanted =
        answer != found->end() ? answer->second
                               : ReportDestinations{.destinations = {}, .trouble = "it is no domain"};
    if (wanted.may_pass) {
      if (auto noted = record_failure(delivery, {Fault::temporary, wanted.trouble}, outcome); !noted)
        return noted;
      continue;
    }
    if (wanted.destinations.empty()) {
      warn(fmt::format("{}: no report is sent: {}", printable(delivery.policy_domain, 200), wanted.trouble));
    }
    const auto content = queue_.json_gzip(delivery.id);
    if (!content) return std::unexpected(content.error());
    for (const tlsrpt::Destination& destination : wanted.destinations) {
      delivery.destination = destination.uri();
      if (auto added = queue_.add(delivery, *content); !added) return std::unexpected(added.error());
    }
    if (auto removed = queue_.remove(delivery.id); !removed) return removed;
  }
  return {};
}

Result<void> Sending::record_failure(const tlsrptdb::Delivery& delivery, const Error& error,
                                     SendingOutcome& outcome) {
  const bool may_pass = error.fault != Fault::data;
  const auto state = queue_.set_failed(delivery, error.message, may_pass, surroundings_->clock());
  if (!state) return std::unexpected(state.error());
  const std::string message = fmt::format("{}: {}", printable(delivery.policy_domain, 200), error.message);
  if (*state == tlsrptdb::DeliveryState::waiting) {
    ++outcome.waiting;
    warn(message);
  } else {
    ++outcome.given_up;
    print_error(report_program, message);
  }
  return {};
}

// Of what is tried again, or nobody wants.
void Sending::warn(const std::string& message) const {
  if (!surroundings_->quiet) print_warning(report_program, message);
}

// The work has all that it needs with it: threads have no part in the queue, nor in GMime.
Result<Work> Sending::prepare(const tlsrptdb::Delivery& delivery) {
  auto content = queue_.json_gzip(delivery.id);
  if (!content) return std::unexpected(content.error());
  if (delivery.destination.starts_with("mailto:")) return prepare_mail(delivery, *content);
  const auto& hosts = surroundings_->report.discovery.policy_hosts;
  return [&hosts, delivery, content = std::move(*content)](std::chrono::milliseconds time_left) {
    return http::post({.url = delivery.destination,
                       .content_type = media_type,
                       .body = content,
                       .ca_file = hosts.ca_file,
                       .private_addresses = hosts.private_addresses,
                       .total = timeout_for(delivery, time_left)});
  };
}

Result<Work> Sending::prepare_mail(const tlsrptdb::Delivery& delivery, const std::string& json_gzip) {
  const std::string recipient = delivery.destination.substr(std::string_view("mailto:").size());
  auto message = mail::compose({.from = delivery.sender,
                                .to = recipient,
                                .policy_domain = delivery.policy_domain,
                                .submitter = delivery.submitter,
                                .report_id = delivery.report_id,
                                .date = delivery.created,
                                .file_name = delivery.file_name,
                                .json_gzip = json_gzip});
  return [mail = surroundings_->configuration.mail, sender = delivery.sender, recipient,
          message = std::move(message)](std::chrono::milliseconds time_left) -> Result<void> {
    if (!message) return std::unexpected(message.error());
    const auto patience = std::min<std::chrono::milliseconds>(mail_timeout, time_left);
    if (!mail.starts_with("smtp://")) return hand_to_program(mail, sender, *message, patience);
    return http::submit(
        {.url = mail, .sender = sender, .recipient = recipient, .message = *message, .total = patience});
  };
}

}  // namespace starttls::report
