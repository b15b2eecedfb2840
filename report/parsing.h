// Parses one input, which may be a report: finds out what it is, and its figures. Nothing is stored.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "mail/delivery_status.h"
#include "mail/random_access_file.h"
#include "report/failure_digest.h"
#include "store/senders.h"
#include "tlsrpt/container.h"
#include "tlsrpt/report.h"
#include "tlsrpt/report_reader.h"
#include "tlsrpt/reported_sessions.h"
#include "tlsrptdb/report_fingerprint.h"

namespace starttls::report {

using starttls::to_string;  // of days; the ones below would hide it

enum class InputStatus { read, duplicate, rejected, bounce };
// "read", "duplicate", "rejected", "bounce"
std::string_view to_string(InputStatus status);

// The figures of one policy domain in a report.
struct PolicyDomainSums {
  tlsrpt::ReportedSessions sessions;
  std::vector<std::string> hosts;  // the first MX hosts that it contains
};

// A report, a bounce, or an input that is neither.
struct Input {
  std::string name;           // of the file, escaped
  std::uint64_t message = 0;  // the number of the mail in a mailbox, from 1; 0: it is no mail
  InputStatus status = InputStatus::rejected;
  std::string reason;                   // why it was rejected, or why a bounce changes nothing
  std::string saved_as;                 // the file of a rejected mail from standard input
  std::vector<std::string> warnings;    // assumptions, and suspicious content
  mail::Bounce bounce;                  // if it is one
  std::vector<std::string> suppressed;  // addresses that get no more reports because of the bounce
  // If it is a report:
  tlsrpt::ReportHead head;
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  // The first ones of its policy domains; "" if none is given.
  std::map<std::string, PolicyDomainSums> domains;
  tlsrpt::ReportedSessions further;   // of the other policy domains
  std::set<std::string> our_domains;  // those of ParserSettings::our_domains that it is about
  std::string report_domain;          // TLS-Report-Domain; "" if there is none
  // Empty for a report that was already read in the same run.
  FailureDigest failures{max_report_digest_size};
  // The MTA-STS policies of our policy domains that the reporter saw.
  std::map<std::string, std::vector<std::string>> seen_policies;
  std::vector<tlsrpt::PolicyResult> policies;  // if IntakeSettings::want_policies is set
  std::int64_t identity = 0;                   // if it is to be stored
  std::string signer;                          // the domain that signed it; "": it is not authenticated
  std::uint64_t counted_once = 0;              // sessions under two policies: see same_sessions.h
  bool is_too_old = false;                     // so that it is not stored
};

// The settings for checking a report.
struct ParserSettings {
  std::set<std::string> our_domains;  // policy domains; empty: not configured
  Time now;
  Day oldest;                                     // reports that ended before are not stored
  std::vector<std::string> trusted_authserv_ids;  // in lower case; empty: reports are not authenticated
  bool are_authenticated = false;                 // the caller trusts the reports
  store::SendingDomainFinder registrable;         // if reports are authenticated
};

// Parses one report after another, and reuses its buffers.
class Parser {
 public:
  // With `stores`, the identity and take_packed() are available, which the store needs.
  Parser(const ParserSettings& settings, bool stores);

  // Passes the policies to `take` before it returns; even a rejected input may have passed some. `location`
  // is that of the document in the source.
  Input parse(Input input, const mail::RandomAccessFile& source, const tlsrpt::Location& location,
              const ReadBytes& document, const std::function<void(tlsrpt::PolicyResult&&)>& take);
  // See ReportReader.
  std::string take_packed() { return reader_.take_packed(); }

 private:
  Result<void> read_origin(Input& input, const mail::RandomAccessFile& source,
                           const tlsrpt::Location& location) const;

  const ParserSettings& settings_;
  tlsrpt::ReportReader reader_;
  std::optional<tlsrptdb::ReportFingerprint> identity_;  // none if nothing is stored
};

// Whether it was read, now or before.
inline bool is_report(const Input& input) {
  return input.status == InputStatus::read || input.status == InputStatus::duplicate;
}

// The mail at a location, which is a bounce.
Input read_bounce(Input input, const mail::RandomAccessFile& source, const tlsrpt::Location& location);

// Returns the input as rejected. If the reason starts with the input's name, the name is removed.
Input reject(Input input, const std::string& reason);

// An input that was read ahead of its turn.
struct ParsedInput {
  Input input;
  std::vector<tlsrpt::PolicyResult> policies;
  std::string packed;  // Parser::take_packed()
};

// The inputs of each file, in the order of the files. None for a file that is too large to be read ahead, and
// for those after a limit of memory. Standard input is never read ahead.
using ParsedFile = std::optional<std::vector<ParsedInput>>;
std::vector<ParsedFile> parse_ahead(std::span<const std::string> files, const ParserSettings& settings,
                                    bool stores);

}  // namespace starttls::report
