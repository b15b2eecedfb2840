// Whether a policy domain may demand TLS: what `tlsrpt-report advise` tells.
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

struct AdviceSettings {
  double tolerance = 0.1;      // percent of the sessions that may break
  std::uint64_t min_days = 7;  // about which there are reports, or all where there are fewer in the window
};

// `unknown`: nothing was recorded or reported that would tell.
enum class Readiness { ready, not_ready, unknown };
std::string_view word_of(Readiness readiness);

// Who would be hit, the worst first.
struct AffectedSender {
  std::string sender;  // a reporter, or a sending MTA
  std::uint64_t sessions = 0;
  std::string what;  // "certificate-expired at mx2.example.org"; "" where nothing is to be added
};

// From testing to enforce, by what others report.
struct EnforceAdvice {
  Readiness readiness = Readiness::unknown;
  std::string reason;  // a sentence
  ReportedSessions sessions;
  std::size_t reporters = 0;
  std::size_t days = 0;
  std::vector<AffectedSender> affected;
  std::vector<std::string> remarks;  // sentences: what does not count, and what is implausible
  OtherDomains others;               // what was reported of domains that are not ours
};

// Refusing mail in plaintext, by our own sessions.
struct PlaintextAdvice {
  Readiness readiness = Readiness::unknown;
  std::string reason;
  std::uint64_t sessions = 0;  // with TLS or mail
  std::uint64_t plaintext = 0;
  std::vector<AffectedSender> affected;
};

// The highest TLS version that may be demanded.
struct VersionAdvice {
  std::string least;  // "TLSv1.2"; "" where nothing tells
  std::string reason;
  std::vector<AffectedSender> affected;  // who would be hit if the next higher one were demanded
};

struct Advice {
  EnforceAdvice enforce;
  PlaintextAdvice plaintext;
  VersionAdvice version;
};

// Adds up what is known of one policy domain.
class Adviser {
 public:
  Adviser(AdviceSettings settings, std::string domain, std::uint64_t days_in_window, bool only_authenticated)
      : settings_(settings),
        domain_(std::move(domain)),
        days_in_window_(days_in_window),
        evidence_(only_authenticated) {}

  void add(const Reported& reported);
  void add(const store::SessionClass& of, const store::ClassCount& count);

  Advice advice() const;

 private:
  struct Sender {
    std::uint64_t plaintext = 0;
    std::map<std::string, std::uint64_t> versions;
  };

  struct Judged;  // the evidence, added up

  bool is_tolerable(std::uint64_t part, std::uint64_t whole) const;
  bool is_tolerable(const ReportedSessions& sessions) const {
    return is_tolerable(sessions.failed, sessions.all());
  }
  std::uint64_t encrypted() const;
  Judged judged() const;
  std::vector<AffectedSender> reporters_with_failures(const Judged& judged) const;
  std::vector<std::string> remarks(const Judged& judged) const;
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
