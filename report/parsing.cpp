#include "report/parsing.h"

#include <algorithm>
#include <utility>

#include "base/saturated.h"
#include "base/text.h"
#include "report/authentication.h"
#include "report/report_assembler.h"
#include "report/same_sessions.h"
#include "tlsrpt/container.h"
#include "tlsrpt/policy_domain.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_domains = 20;                     // of Input::domains
constexpr std::size_t max_hosts = 20;                       // of PolicyDomainSums
constexpr std::chrono::days future_tolerance{1};            // the sender's clock may be ahead
constexpr std::uint64_t small_file = 256U << 10U;           // bytes
constexpr std::size_t max_ahead = std::size_t{512} << 10U;  // bytes of policies

void add_hosts(const tlsrpt::PolicyResult& policy, std::vector<std::string>& hosts) {
  const auto add = [&](const std::string& host) {
    if (!host.empty() && hosts.size() < max_hosts && std::ranges::find(hosts, host) == hosts.end())
      hosts.push_back(host);
  };
  for (const std::string& host : policy.mx_hosts) add(host);
  for (const tlsrpt::FailureDetail& detail : policy.failure_details) add(detail.receiving_mx_hostname);
}

void look_at(const tlsrpt::PolicyResult& policy, const ParserSettings& expected, Input& input) {
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
  if (expected.our_domains.contains(domain)) input.our_domains.insert(domain);
  input.failures.add(policy);
  if (policy.policy_type == "sts" && !policy.policy_strings.empty() && expected.our_domains.contains(domain))
    input.seen_policies.emplace(domain, policy.policy_strings);
}

// The policies of a report, or many of them.
void look_at_all(const std::vector<tlsrpt::PolicyResult>& policies, const ParserSettings& expected,
                 Input& input) {
  std::vector<const tlsrpt::PolicyResult*> as_sent;
  as_sent.reserve(policies.size());
  for (const tlsrpt::PolicyResult& policy : policies) as_sent.push_back(&policy);
  if (!have_same_sessions(as_sent)) {
    for (const tlsrpt::PolicyResult& policy : policies) look_at(policy, expected, input);
    return;
  }
  std::vector<tlsrpt::PolicyResult> counted = policies;
  std::vector<tlsrpt::PolicyResult*> pointers;
  pointers.reserve(counted.size());
  for (tlsrpt::PolicyResult& policy : counted) pointers.push_back(&policy);
  for (const std::uint64_t sessions : count_once(pointers)) add_saturated(input.counted_once, sessions);
  for (const tlsrpt::PolicyResult& policy : counted) look_at(policy, expected, input);
}

}  // namespace

std::string_view word_of(InputStatus status) {
  switch (status) {
    case InputStatus::read:
      return "read";
    case InputStatus::duplicate:
      return "duplicate";
    case InputStatus::rejected:
      return "rejected";
  }
  std::unreachable();
}

Input rejected(Input input, const std::string& reason) {
  const std::string name = input.name + ": ";
  input.reason = reason.starts_with(name) ? reason.substr(name.size()) : reason;
  return input;
}

Parser::Parser(const ParserSettings& expected, bool keep) : expected_(expected), reader_(keep) {
  if (keep) identity_.emplace();
}

// Who vouches for it, where reports are authenticated, and which domain the mail says that it is about.
Result<void> Parser::read_origin(Input& input, const mail::RandomAccessFile& source,
                                 const tlsrpt::Location& place) const {
  Result<ReportOrigin> carrier;
  if (place.is_mail) carrier = report_origin(source, place.begin, place.end, expected_.trusted_authserv_ids);
  if (!carrier) return std::unexpected(carrier.error());
  input.report_domain = carrier->report_domain;
  if (expected_.are_authenticated) {
    const std::string domain = reporting_domain(input.head, expected_.registrable);
    input.signer = domain.empty() ? input.head.organization_name : domain;
    return {};
  }
  if (expected_.trusted_authserv_ids.empty()) return {};
  Authentication found{.signer = {}, .reason = "it came without a mail"};
  if (place.is_mail) found = authenticate(*carrier, input.head, expected_.registrable);
  input.signer = found.signer;
  if (found.signer.empty())
    input.warnings.push_back(fmt::format("it is not authenticated and does not count: {}", found.reason));
  return {};
}

Input Parser::parse(Input input, const mail::RandomAccessFile& source, const tlsrpt::Location& place,
                    const ReadBytes& document, const std::function<void(tlsrpt::PolicyResult&&)>& take) {
  if (identity_) identity_->begin();
  std::vector<tlsrpt::PolicyResult> policies;
  std::size_t weight = 0;
  const auto settle = [&] {
    look_at_all(policies, expected_, input);
    for (tlsrpt::PolicyResult& policy : policies) take(std::move(policy));
    policies.clear();
    weight = 0;
  };
  const auto reading = reader_.read(document, [&](tlsrpt::PolicyResult&& policy) {
    // The identity is that of the report as it came.
    if (identity_) identity_->add(policy);
    policy.policy_domain = tlsrpt::normalise_policy_domain(policy.policy_domain);
    if (policies.size() == max_policies_at_once || weight > max_size_at_once) settle();
    weight += memory_size(policy);
    policies.push_back(std::move(policy));
  });
  if (reading) settle();
  if (!reading) return rejected({.name = input.name, .message = input.message}, reading.error().message);
  input.status = InputStatus::read;
  input.head = reading->head;
  if (auto done = read_origin(input, source, place); !done)
    return rejected({.name = input.name, .message = input.message}, done.error().message);
  if (identity_) input.identity = identity_->of(input.head);
  input.warnings.insert(input.warnings.end(), reading->warnings.begin(), reading->warnings.end());
  if (input.counted_once > 0) {
    const bool is_one = input.counted_once == 1;
    input.warnings.push_back(
        fmt::format("{} session{} in two of its policies, tlsa and sts, and count{} once", input.counted_once,
                    is_one ? " stands" : "s stand", is_one ? "s" : ""));
  }
  input.is_too_old = input.head.end < Time(expected_.oldest);
  if (input.head.end > expected_.now + future_tolerance)
    input.warnings.emplace_back("it is dated in the future");
  return input;
}

namespace {

// Reads files whole, until what they come to weighs too much.
class ReadAheadParser {
 public:
  ReadAheadParser(const ParserSettings& expected, bool keep) : parser_(expected, keep) {}

  ParsedFile read(const std::string& file) {
    if (file == "-" || is_full()) return std::nullopt;
    const std::string name = printable(file);
    const auto source = mail::RandomAccessFile::open(file, small_file);
    // What is wrong is told in its turn.
    if (!source || source->size() > small_file) return std::nullopt;
    std::vector<ParsedInput> inputs;
    const auto whole = tlsrpt::for_each_document(
        *source, [&](const tlsrpt::Location& place, const Result<ReadBytes>& document) {
          if (is_full()) return;
          inputs.push_back(read({.name = name, .message = place.message}, *source, place, document));
        });
    if (is_full()) return std::nullopt;
    if (!whole) inputs.push_back({.input = rejected({.name = name}, whole.error().message)});
    return inputs;
  }

 private:
  bool is_full() const { return weight_ > max_ahead; }

  ParsedInput read(Input input, const mail::RandomAccessFile& source, const tlsrpt::Location& place,
                   const Result<ReadBytes>& document) {
    if (!document) return {.input = rejected(std::move(input), document.error().message)};
    ParsedInput parsed;
    const auto take = [&](tlsrpt::PolicyResult&& policy) {
      weight_ += memory_size(policy);
      if (!is_full()) parsed.policies.push_back(std::move(policy));
    };
    parsed.input = parser_.parse(std::move(input), source, place, *document, take);
    parsed.packed = parser_.take_packed();
    weight_ += sizeof parsed + parsed.packed.size() + parsed.input.failures.size();
    return parsed;
  }

  Parser parser_;
  std::size_t weight_ = 0;
};

}  // namespace

std::vector<ParsedFile> parse_ahead(std::span<const std::string> files, const ParserSettings& expected,
                                    bool keep) {
  ReadAheadParser reader(expected, keep);
  std::vector<ParsedFile> parsed;
  parsed.reserve(files.size());
  for (const std::string& file : files) parsed.push_back(reader.read(file));
  return parsed;
}

}  // namespace starttls::report
