#include "report/parsing.h"

#include <algorithm>
#include <utility>

#include "base/enum_words.h"
#include "base/saturated.h"
#include "base/text.h"
#include "report/authentication.h"
#include "report/report_assembler.h"
#include "tlsrpt/container.h"
#include "tlsrpt/policy_domain.h"
#include "tlsrpt/same_sessions.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_domains = 20;                     // of Input::domains
constexpr std::size_t max_hosts = 20;                       // of PolicyDomainSums
constexpr std::chrono::days future_tolerance{1};            // the sender's clock may be ahead
constexpr std::uint64_t small_file = 256U << 10U;           // bytes
constexpr std::size_t max_ahead = std::size_t{512} << 10U;  // bytes of policies

constexpr auto status_words = enum_words<InputStatus>({{InputStatus::read, "read"},
                                                       {InputStatus::duplicate, "duplicate"},
                                                       {InputStatus::rejected, "rejected"},
                                                       {InputStatus::bounce, "bounce"}});

void add_hosts(const tlsrpt::PolicyResult& policy, std::vector<std::string>& hosts) {
  const auto add = [&](const std::string& host) {
    if (!host.empty() && hosts.size() < max_hosts && std::ranges::find(hosts, host) == hosts.end())
      hosts.push_back(host);
  };
  for (const std::string& host : policy.mx_hosts) add(host);
  for (const tlsrpt::FailureDetail& detail : policy.failure_details) add(detail.receiving_mx_hostname);
}

void add_policy(const tlsrpt::PolicyResult& policy, const ParserSettings& settings, Input& input) {
  const std::string& domain = policy.policy_domain;
  add_saturated(input.successful, policy.successful_sessions);
  add_saturated(input.failed, policy.failed_sessions);
  if (input.domains.size() < max_domains || input.domains.contains(domain)) {
    PolicyDomainSums& sums = input.domains[domain];
    sums.sessions.add(policy);
    if (domain.empty()) add_hosts(policy, sums.hosts);
  } else {
    input.further.add(policy);
  }
  if (settings.our_domains.contains(domain)) input.our_domains.insert(domain);
  input.failures.add(policy);
  if (policy.policy_type == "sts" && !policy.policy_strings.empty() && settings.our_domains.contains(domain))
    input.seen_policies.emplace(domain, policy.policy_strings);
}

// Adds the policies of a report, or a part of them.
void add_policies(const std::vector<tlsrpt::PolicyResult>& policies, const ParserSettings& settings,
                  Input& input) {
  std::vector<const tlsrpt::PolicyResult*> as_sent;
  as_sent.reserve(policies.size());
  for (const tlsrpt::PolicyResult& policy : policies) as_sent.push_back(&policy);
  if (!tlsrpt::have_same_sessions(as_sent)) {
    for (const tlsrpt::PolicyResult& policy : policies) add_policy(policy, settings, input);
    return;
  }
  std::vector<tlsrpt::PolicyResult> counted = policies;
  std::vector<tlsrpt::PolicyResult*> pointers;
  pointers.reserve(counted.size());
  for (tlsrpt::PolicyResult& policy : counted) pointers.push_back(&policy);
  for (const std::uint64_t sessions : tlsrpt::count_once(pointers))
    add_saturated(input.counted_once, sessions);
  for (const tlsrpt::PolicyResult& policy : counted) add_policy(policy, settings, input);
}

}  // namespace

std::string_view to_string(InputStatus status) {
  return status_words.word(status);
}

Input read_bounce(Input input, const mail::RandomAccessFile& source, const tlsrpt::Location& location) {
  auto bounce = mail::read_bounce(source, location.begin, location.end);
  if (!bounce) return reject(std::move(input), bounce.error().message);
  input.status = InputStatus::bounce;
  input.bounce = std::move(*bounce);
  return input;
}

Input reject(Input input, const std::string& reason) {
  const std::string name = input.name + ": ";
  input.reason = reason.starts_with(name) ? reason.substr(name.size()) : reason;
  return input;
}

Parser::Parser(const ParserSettings& settings, bool stores) : settings_(settings), reader_(stores) {
  if (stores) identity_.emplace();
}

// Reads the signer, if reports are authenticated, and TLS-Report-Domain.
Result<void> Parser::read_origin(Input& input, const mail::RandomAccessFile& source,
                                 const tlsrpt::Location& location) const {
  Result<ReportOrigin> origin;
  if (location.is_mail)
    origin = report_origin(source, location.begin, location.end, settings_.trusted_authserv_ids);
  if (!origin) return std::unexpected(origin.error());
  input.report_domain = origin->report_domain;
  if (settings_.are_authenticated) {
    const std::string domain = reporting_domain(input.head, settings_.registrable);
    input.signer = domain.empty() ? input.head.organization_name : domain;
    return {};
  }
  if (settings_.trusted_authserv_ids.empty()) return {};
  Authentication found{.signer = {}, .reason = "it came without a mail"};
  if (location.is_mail) found = authenticate(*origin, input.head, settings_.registrable);
  input.signer = found.signer;
  if (found.signer.empty())
    input.warnings.push_back(fmt::format("it is not authenticated and does not count: {}", found.reason));
  return {};
}

Input Parser::parse(Input input, const mail::RandomAccessFile& source, const tlsrpt::Location& location,
                    const ReadBytes& document, const std::function<void(tlsrpt::PolicyResult&&)>& take) {
  if (identity_) identity_->begin();
  std::vector<tlsrpt::PolicyResult> policies;
  std::size_t weight = 0;
  const auto settle = [&] {
    add_policies(policies, settings_, input);
    for (tlsrpt::PolicyResult& policy : policies) take(std::move(policy));
    policies.clear();
    weight = 0;
  };
  const auto reading = reader_.read(document, [&](tlsrpt::PolicyResult&& policy) {
    // The fingerprint is that of the unchanged report.
    if (identity_) identity_->add(policy);
    policy.policy_domain = tlsrpt::normalise_policy_domain(policy.policy_domain);
    if (policies.size() == max_policies_at_once || weight > max_size_at_once) settle();
    weight += memory_size(policy);
    policies.push_back(std::move(policy));
  });
  if (reading) settle();
  if (!reading) return reject({.name = input.name, .message = input.message}, reading.error().message);
  input.status = InputStatus::read;
  input.head = reading->head;
  if (auto done = read_origin(input, source, location); !done)
    return reject({.name = input.name, .message = input.message}, done.error().message);
  if (identity_) input.identity = identity_->of(input.head);
  input.warnings.insert(input.warnings.end(), reading->warnings.begin(), reading->warnings.end());
  if (input.counted_once > 0) {
    const bool is_one = input.counted_once == 1;
    input.warnings.push_back(
        fmt::format("{} session{} listed under two of its policies, tlsa and sts, and count{} once",
                    input.counted_once, is_one ? " is" : "s are", is_one ? "s" : ""));
  }
  input.is_too_old = input.head.end < Time(settings_.oldest);
  if (input.head.end > settings_.now + future_tolerance)
    input.warnings.emplace_back("it is dated in the future");
  return input;
}

namespace {

// Reads whole files, up to a limit of memory.
class ReadAheadParser {
 public:
  ReadAheadParser(const ParserSettings& settings, bool stores) : parser_(settings, stores) {}

  ParsedFile read(const std::string& file) {
    if (file == "-" || is_full()) return std::nullopt;
    const std::string name = printable(file);
    const auto source = mail::RandomAccessFile::open(file, small_file);
    // Errors are reported when it is the file's turn.
    if (!source || source->size() > small_file) return std::nullopt;
    std::vector<ParsedInput> inputs;
    const auto whole = tlsrpt::for_each_document(
        *source, [&](const tlsrpt::Location& location, const Result<ReadBytes>& document) {
          if (is_full()) return;
          inputs.push_back(read({.name = name, .message = location.message}, *source, location, document));
        });
    if (is_full()) return std::nullopt;
    if (!whole) inputs.push_back({.input = reject({.name = name}, whole.error().message)});
    return inputs;
  }

 private:
  bool is_full() const { return weight_ > max_ahead; }

  ParsedInput read(Input input, const mail::RandomAccessFile& source, const tlsrpt::Location& location,
                   const Result<ReadBytes>& document) {
    if (location.is_bounce) return {.input = read_bounce(std::move(input), source, location)};
    if (!document) return {.input = reject(std::move(input), document.error().message)};
    ParsedInput parsed;
    const auto take = [&](tlsrpt::PolicyResult&& policy) {
      weight_ += memory_size(policy);
      if (!is_full()) parsed.policies.push_back(std::move(policy));
    };
    parsed.input = parser_.parse(std::move(input), source, location, *document, take);
    parsed.packed = parser_.take_packed();
    weight_ += sizeof parsed + parsed.packed.size() + parsed.input.failures.size();
    return parsed;
  }

  Parser parser_;
  std::size_t weight_ = 0;
};

}  // namespace

std::vector<ParsedFile> parse_ahead(std::span<const std::string> files, const ParserSettings& settings,
                                    bool stores) {
  ReadAheadParser reader(settings, stores);
  std::vector<ParsedFile> parsed;
  parsed.reserve(files.size());
  for (const std::string& file : files) parsed.push_back(reader.read(file));
  return parsed;
}

}  // namespace starttls::report
