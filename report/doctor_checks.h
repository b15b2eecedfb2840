// Whether this host records inbound sessions, and results of outbound mail, rightly: facts in, checks out. The words of the checks are in
// tlsrpt-report-doctor(1).
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/tlsrpt_toml.h"
#include "doctor/check.h"
#include "doctor/host.h"
#include "doctor/mail_servers.h"
#include "doctor/server_certificate.h"
#include "doctor/systemd.h"

namespace starttls::report {

// Segments of the journal that are not in the store yet.
struct Waiting {
  std::size_t segments = 0;
  Time oldest;  // valid if there are any
};

// What is seen of tlsrpt-collector.
struct CollectorFacts {
  std::optional<doctor::UserFacts> user;  // that it runs as
  std::optional<doctor::PathFacts> log;   // its mta_log, if it is a file
  doctor::PathFacts socket;
  Result<void> answer;                        // doctor::find_receiver()
  std::optional<std::uint64_t> queue_length;  // net.unix.max_dgram_qlen; none: cannot be read
  std::optional<Waiting> waiting;             // none: cannot be read
  // With a result; Fault::unavailable: none was ever received.
  Result<std::set<Day>> days;
};

struct InboundFacts {
  config::TlsrptConfig configuration;
  Time now;
  doctor::MailServers mail_servers;
  Result<doctor::Units> units;
  doctor::PathFacts configuration_file;  // "": there is none
  std::vector<std::string> store_warnings;
  doctor::PathFacts socket;    // of the milter; "" if it is TCP
  Result<void> milter_answer;  // doctor::ask_milter()
  std::optional<doctor::UserFacts> service_user;
  std::optional<doctor::UserFacts> mail_owner;  // of Postfix
  std::optional<doctor::UserFacts> exim_user;
  doctor::PathFacts state_directory;
  Result<doctor::DiskFacts> disk;
  Result<bool> clock_is_synchronized;
  std::optional<doctor::PathFacts> log;  // mta_log of the milter, if it is a file
  // That the mail server shows to senders, by its name: "Postfix".
  std::map<std::string, std::vector<doctor::ServerCertificate>, std::less<>> certificates;
  // With a session; Fault::unavailable: none was ever recorded.
  Result<std::optional<Day>> last_session;
  std::optional<Waiting> waiting;  // none: cannot be read
  CollectorFacts collector;
};

doctor::Checks inbound_checks(const InboundFacts& facts);

// "smtpd-certificate", "smtpd-key" and "secrets" of a mail server's certificates.
doctor::Checks certificate_checks(const InboundFacts& facts, std::string_view mail_server,
                                  const doctor::CertificateCommands& commands);

// Whether what a daemon, the unit of this name, has recorded in this journal waits for the store.
doctor::Checks waiting_checks(const InboundFacts& facts, std::string_view code,
                              const std::filesystem::path& journal, const std::optional<Waiting>& waiting,
                              std::string_view daemon);

// How long a mail server with mail each day may bring nothing.
inline constexpr std::chrono::days max_silence{3};

inline constexpr const char* milter_unit = "tlsrpt-milter.service";
inline constexpr const char* send_timer = "tlsrpt-report-send.timer";
inline constexpr const char* outbound_timer = "tlsrpt-report-outbound.timer";
inline constexpr const char* queue_timer = "tlsrpt-report-queue.timer";

}  // namespace starttls::report
