// Parses one input, which may be a report: what it is, and the figures of its policies. Nothing is stored.
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
#include "mail/random_access_file.h"
#include "report/failure_digest.h"
#include "report/reported_sessions.h"
#include "store/senders.h"
#include "tlsrpt/container.h"
#include "tlsrpt/report.h"
#include "tlsrpt/report_reader.h"
#include "tlsrptdb/report_fingerprint.h"

namespace starttls::report {

using starttls::to_string;  // of days, which the ones below would hide

enum class InputStatus { read, duplicate, rejected };
// "read", "duplicate", "rejected"
std::string_view to_string(InputStatus status);

// The figures of one policy domain in a report.
struct PolicyDomainSums {
  ReportedSessions sessions;
  std::vector<std::string> hosts;  // MX hosts that it names, the first ones
};

// A report, or an input that is none.
struct Input {
  std::string name;           // of the file, escaped
  std::uint64_t message = 0;  // which mail of a mailbox, counted from 1; 0: it is no mail
  InputStatus status = InputStatus::rejected;
  std::string reason;                 // of a rejected one
  std::string saved_as;               // the file with a rejected mail from standard input
  std::vector<std::string> warnings;  // guesses, and what is suspicious about it
  // Unless it was rejected:
  tlsrpt::ReportHead head;
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  // The first of its policy domains; "" where none is given.
  std::map<std::string, PolicyDomainSums> domains;
  ReportedSessions further;           // of those beyond
  std::set<std::string> our_domains;  // of ParserSettings::our_domains, those that it is about
  std::string report_domain;          // TLS-Report-Domain; "" where there is none
  // Empty for a report that was read before in the same run.
  FailureDigest failures{max_report_digest_size};
  // The MTA-STS policies of our policy domains, as the reporter saw them.
  std::map<std::string, std::vector<std::string>> seen_policies;
  std::vector<tlsrpt::PolicyResult> policies;  // where IntakeSettings::want_policies is set
  std::int64_t identity = 0;                   // of one that is to be stored
  std::string signer;                          // the domain that signed it; "": it is not authenticated
  std::uint64_t counted_once = 0;              // sessions under two policies: see same_sessions.h
  bool is_too_old = false;                     // to be stored
};

// What a report is checked against.
struct ParserSettings {
  std::set<std::string> our_domains;  // policy domains; empty: not configured
  Time now;
  Day oldest;                                     // reports that ended before are not stored
  std::vector<std::string> trusted_authserv_ids;  // in lower case; empty: reports are not authenticated
  bool are_authenticated = false;                 // the caller vouches for the reports
  store::SendingDomainFinder registrable;         // where reports are authenticated
};

// Parses one report after another, with buffers that are used again.
class Parser {
 public:
  // With `stores`, the identity and take_packed(), which the store needs, are available.
  Parser(const ParserSettings& settings, bool stores);

  // `take` gets the policies, all before this returns; a rejected input may have given some. `location` is
  // that of the document in the source.
  Input parse(Input input, const mail::RandomAccessFile& source, const tlsrpt::Location& location,
              const ReadBytes& document, const std::function<void(tlsrpt::PolicyResult&&)>& take);
  // As ReportReader's.
  std::string take_packed() { return reader_.take_packed(); }

 private:
  Result<void> read_origin(Input& input, const mail::RandomAccessFile& source,
                           const tlsrpt::Location& location) const;

  const ParserSettings& settings_;
  tlsrpt::ReportReader reader_;
  std::optional<tlsrptdb::ReportFingerprint> identity_;  // none where nothing is stored
};

// The input as a rejected one. The reason may begin with the input's name, which is removed.
Input reject(Input input, const std::string& reason);

// An input that was read ahead of its turn.
struct ParsedInput {
  Input input;
  std::vector<tlsrpt::PolicyResult> policies;
  std::string packed;  // Parser::take_packed()
};

// The inputs of each file, in the order of the files; none of a file that is too large to be read ahead, and
// of those after a limit of memory. Standard input is never read ahead.
using ParsedFile = std::optional<std::vector<ParsedInput>>;
std::vector<ParsedFile> parse_ahead(std::span<const std::string> files, const ParserSettings& settings,
                                    bool stores);

}  // namespace starttls::report
