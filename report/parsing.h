// Reading what may be a report, without keeping it: what an input is, and what its policies say.
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

enum class InputStatus { read, duplicate, rejected };
// "read", "duplicate", "rejected"
std::string_view word_of(InputStatus status);

// What a report says of one policy domain.
struct PolicyDomainSums {
  ReportedSessions sessions;
  std::vector<std::string> hosts;  // of ours, that it names; the first ones
};

// One report, or what was to be one.
struct Input {
  std::string name;           // of the file, escaped
  std::uint64_t message = 0;  // which mail of a folder, counted from 1; 0: it is none
  InputStatus status = InputStatus::rejected;
  std::string reason;   // of a rejected one
  std::string kept_as;  // the file that one from standard input was set aside in when it was rejected
  std::vector<std::string> warnings;  // what had to be guessed, and what is strange about it
  // Unless it was rejected:
  tlsrpt::ReportHead head;
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  // The first of its policy domains; "" where none is given.
  std::map<std::string, PolicyDomainSums> domains;
  ReportedSessions further;           // of those beyond
  std::set<std::string> our_domains;  // of ParserSettings::our_domains, those that it is about
  std::string report_domain;          // TLS-Report-Domain; "" where there is none
  // None of a report that was met before in the same run.
  FailureDigest failures{max_report_digest_size};
  std::map<std::string, std::vector<std::string>>
      seen_policies;                           // the MTA-STS policies of our policy domains
  std::vector<tlsrpt::PolicyResult> policies;  // where they are wanted
  std::int64_t identity = 0;                   // of one that is to be kept
  std::string signer;                          // the domain that vouches for it; "": it is not authenticated
  std::uint64_t counted_once = 0;              // sessions that stand under two policies: see same_sessions.h
  bool is_too_old = false;                     // to be kept; it was read all the same
};

// What makes a report strange.
struct ParserSettings {
  std::set<std::string> our_domains;  // policy domains; empty: not known
  Time now;
  Day oldest;                                     // what ended before is too old to be kept
  std::vector<std::string> trusted_authserv_ids;  // in lower case; empty: reports are not authenticated
  bool are_authenticated = false;                 // whoever gives them vouches for them
  store::SendingDomainFinder registrable;         // where reports are authenticated
};

// Reads one report after another; what that takes is kept from one to the next.
class Parser {
 public:
  // With `keep`, what the report store wants is there, too: the identity, and take_packed().
  Parser(const ParserSettings& expected, bool keep);

  // The policies go to `take`, all before it returns; a rejected input may have given some. `place` is where
  // the document is in the source.
  Input parse(Input input, const mail::RandomAccessFile& source, const tlsrpt::Location& place,
              const ReadBytes& document, const std::function<void(tlsrpt::PolicyResult&&)>& take);
  // As ReportReader's.
  std::string take_packed() { return reader_.take_packed(); }

 private:
  Result<void> read_origin(Input& input, const mail::RandomAccessFile& source,
                           const tlsrpt::Location& place) const;

  const ParserSettings& expected_;
  tlsrpt::ReportReader reader_;
  std::optional<tlsrptdb::ReportFingerprint> identity_;  // none where nothing is kept
};

// `input`, rejected for this reason, which may begin with the name.
Input rejected(Input input, const std::string& reason);

// An input that was read ahead of its turn.
struct ParsedInput {
  Input input;
  std::vector<tlsrpt::PolicyResult> policies;
  std::string packed;  // Parser::take_packed()
};

// The inputs of each file, in the order of the files; none of one that is too large to be read ahead, or
// comes after much that was. Standard input is never read ahead.
using ParsedFile = std::optional<std::vector<ParsedInput>>;
std::vector<ParsedFile> parse_ahead(std::span<const std::string> files, const ParserSettings& expected,
                                    bool keep);

}  // namespace starttls::report
