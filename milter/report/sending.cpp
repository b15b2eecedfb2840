#include "milter/report/sending.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <random>

#include "base/cli.h"
#include "base/file.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "http/post.h"
#include "mail/report_mail.h"
#include "milter/report/published.h"
#include "reports/report_store.h"
#include "tlsrpt/gzip.h"

namespace starttls::milter {
namespace {

constexpr const char* program = "tlsrpt-report";
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
                             const std::string& message) {
  const auto input = in_memory(with_plain_newlines(message));
  if (!input) return std::unexpected(input.error());
  const auto done = run_program({.argv = {sendmail, "-t", "-i", "-f", sender}, .stdin_fd = input->get()});
  if (!done) return fail(Fault::temporary, "{}", done.error().message);
  if (done->succeeded()) return {};
  const bool is_final =
      done->exit_status == static_cast<int>(Fault::data) || done->exit_status == 67;  // EX_NOUSER
  return fail(is_final ? Fault::data : Fault::temporary, "{}", failure_of(sendmail, *done));
}

}  // namespace

Result<Sending> Sending::begin(const Configuration& configuration, const ReportConfiguration& report,
                               Clock clock) {
  // Where it cannot be made, what follows says why.
  std::error_code ignored;
  std::filesystem::create_directories(configuration.state_dir, ignored);
  const auto file = reports::report_file(configuration.state_dir);
  auto queue = reports::DeliveryQueue::open(file, store::Access::write);
  if (!queue) return std::unexpected(queue.error());
  auto lock = lock_file(file);
  if (!lock) return std::unexpected(lock.error());
  return Sending(configuration, report, std::move(clock), std::move(*lock), std::move(*queue));
}

Result<void> Sending::enqueue(const tlsrpt::Report& all, const Reporter& reporter) {
  std::set<std::string> domains;
  for (const tlsrpt::PolicyResult& policy : all.policies) domains.insert(policy.policy_domain);
  const auto found = report_destinations(*configuration_, *report_, clock_, domains);
  if (!found) return std::unexpected(found.error());
  const Time now = clock_();
  for (const tlsrpt::PolicyResult& policy : all.policies) {
    const auto wanted = found->find(policy.policy_domain);
    if (wanted == found->end() || wanted->second.destinations.empty()) {
      tell(program, fmt::format("{}: no report is sent: {}", printable(policy.policy_domain, 200),
                                wanted == found->end() ? "it is no domain" : wanted->second.trouble));
      continue;
    }
    const tlsrpt::Report report = report_for(all, policy);
    const auto packed = tlsrpt::gzip(tlsrpt::to_json(report));
    if (!packed) return std::unexpected(packed.error());
    for (const tlsrpt::Destination& destination : wanted->second.destinations) {
      const reports::Delivery delivery{.report_id = report.head.report_id,
                                       .destination = destination.uri(),
                                       .policy_domain = policy.policy_domain,
                                       .submitter = reporter.domain,
                                       .sender = reporter.sender,
                                       .file_name = tlsrpt::file_name(reporter.domain, policy.policy_domain,
                                                                      all.head.begin, all.head.end, true),
                                       .created = now,
                                       .next_try = some_time_within(now, configuration_->send_window)};
      if (auto added = queue_.add(delivery, *packed); !added) return std::unexpected(added.error());
    }
  }
  return {};
}

Result<SendingOutcome> Sending::deliver() {
  const auto due = queue_.due(clock_());
  if (!due) return std::unexpected(due.error());
  SendingOutcome outcome;
  for (const reports::Delivery& delivery : *due) {
    const auto sent = send(delivery);
    if (sent) {
      ++outcome.sent;
      if (auto noted = queue_.set_sent(delivery.id); !noted) return std::unexpected(noted.error());
      continue;
    }
    const bool may_pass = sent.error().fault != Fault::data;
    tell(program, fmt::format("{}: {}", printable(delivery.policy_domain, 200), sent.error().message));
    const auto state = queue_.set_failed(delivery, sent.error().message, may_pass, clock_());
    if (!state) return std::unexpected(state.error());
    ++(*state == reports::DeliveryState::waiting ? outcome.waiting : outcome.given_up);
  }
  if (auto done = queue_.forget(clock_() - kept_for); !done) return std::unexpected(done.error());
  return outcome;
}

Result<void> Sending::send(const reports::Delivery& delivery) {
  const auto content = queue_.json_gzip(delivery.id);
  if (!content) return std::unexpected(content.error());
  if (delivery.destination.starts_with("mailto:")) return send_mail(delivery, *content);
  const auto& hosts = report_->discovery.policy_hosts;
  return http::post({.url = delivery.destination,
                     .content_type = media_type,
                     .body = *content,
                     .ca_file = hosts.ca_file,
                     .private_addresses = hosts.private_addresses});
}

Result<void> Sending::send_mail(const reports::Delivery& delivery, const std::string& json_gzip) {
  const std::string recipient = delivery.destination.substr(std::string_view("mailto:").size());
  const auto message = mail::compose({.from = delivery.sender,
                                      .to = recipient,
                                      .policy_domain = delivery.policy_domain,
                                      .submitter = delivery.submitter,
                                      .report_id = delivery.report_id,
                                      .date = delivery.created,
                                      .file_name = delivery.file_name,
                                      .json_gzip = json_gzip});
  if (!message) return std::unexpected(message.error());
  if (!configuration_->mail.starts_with("smtp://"))
    return hand_to_program(configuration_->mail, delivery.sender, *message);
  return http::submit(
      {.url = configuration_->mail, .sender = delivery.sender, .recipient = recipient, .message = *message});
}

}  // namespace starttls::milter
