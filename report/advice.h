// Decides whether a policy domain can enforce TLS, for `tlsrpt-report advise`. Pure: the input is figures,
// the output is advice.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "report/evidence.h"
#include "report/failure_digest.h"
#include "report/received_figures.h"
#include "report/summary_figures.h"
#include "store/counts.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {

using starttls::to_string;  // of days; the ones below would hide it

struct AdviceSettings {
  double tolerance = 0.1;  // percent of the sessions that may fail
  // Days with a report; or all days of the period if it has fewer.
  std::uint64_t min_days = 7;
};

// `unknown`: there are no figures to decide by.
// "ready", "not ready", "unknown"
enum class Readiness { ready, not_ready, unknown };
std::string_view to_string(Readiness readiness);

// A sender whose mail would be rejected. Lists start with the sender that has the most sessions.
struct AffectedSender {
  std::string sender;  // a reporter, or a sending MTA
  std::uint64_t sessions = 0;
  std::string failures;  // of a reporter: "certificate-expired at mx2.example.org"; may be empty
};

// Advice about the change from mode testing to enforce (RFC 8461), based on received reports.
struct EnforceAdvice {
  Readiness readiness = Readiness::unknown;
  std::string reason;  // a sentence
  tlsrpt::ReportedSessions sessions;
  std::size_t reporters = 0;
  std::size_t days = 0;
  std::vector<AffectedSender> affected;
  std::vector<std::string> remarks;  // sentences: which reports do not count or are implausible
  OtherDomains others;               // of reports about domains that are not ours
};

// Advice about rejecting mail in plaintext, based on our own sessions.
struct PlaintextAdvice {
  Readiness readiness = Readiness::unknown;
  std::string reason;
  std::uint64_t sessions = 0;  // with TLS or mail
  std::uint64_t plaintext = 0;
  std::vector<AffectedSender> affected;
};

// The highest TLS version that can be required, based on our own sessions.
struct VersionAdvice {
  std::string version;  // "TLSv1.2"; "" if there are no figures
  std::string reason;
  std::vector<AffectedSender> affected;  // if the next higher version were required
};

struct Advice {
  EnforceAdvice enforce;
  PlaintextAdvice plaintext;
  VersionAdvice version;
};

// Whether the requested advice is ready: "enforce", "tls" (reject plaintext), or "all". With "all", unknown
// advice does not count if the other one is known.
bool is_ready(const Advice& advice, std::string_view scope);

// Adds up the figures of one policy domain.
class Adviser {
 public:
  Adviser(AdviceSettings settings, std::string domain, std::uint64_t days_in_window, bool only_authenticated)
      : settings_(settings),
        domain_(std::move(domain)),
        days_in_window_(days_in_window),
        evidence_(only_authenticated) {}

  void add(const Reported& reported);
  void add(const store::SessionClass& session_class, const store::ClassCount& count);

  Advice advice() const;

 private:
  struct Sender {
    std::uint64_t plaintext = 0;
    std::map<std::string, std::uint64_t> versions;
  };

  struct EvidenceTotals;

  bool is_tolerable(std::uint64_t part, std::uint64_t whole) const;
  bool is_tolerable(const tlsrpt::ReportedSessions& sessions) const {
    return is_tolerable(sessions.failed, sessions.all());
  }
  std::uint64_t encrypted() const;
  EvidenceTotals totals() const;
  std::vector<AffectedSender> reporters_with_failures(const EvidenceTotals& totals) const;
  std::vector<std::string> remarks(const EvidenceTotals& totals) const;
  EnforceAdvice enforce() const;
  PlaintextAdvice plaintext() const;
  VersionAdvice version() const;

  AdviceSettings settings_;
  std::string domain_;
  std::uint64_t days_in_window_;
  EvidenceCollection evidence_;
  std::map<std::string, FailureDigest> failures_;  // by reporter
  OtherDomains others_;
  std::uint64_t plaintext_ = 0;
  std::map<std::string, std::uint64_t> versions_;
  std::map<std::string, Sender> senders_;
};

}  // namespace starttls::report
