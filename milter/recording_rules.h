// Decides which sessions are recorded, and how much of each.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/tlsrpt_toml.h"
#include "milter/counters.h"
#include "milter/pseudonym_key.h"
#include "session/failure.h"
#include "session/session.h"
#include "store/record.h"

namespace starttls::milter {

// The daemon of the MTA that serves a connection, from its macros.
struct Daemon {
  std::string_view name;  // {daemon_name}
  std::string_view port;  // {daemon_port}
};

// Why a failure in the mail server's log does not count.
enum class FailureExclusion {
  local_network,
  service,       // by its name, in the configuration
  implicit_tls,  // mail from other servers does not come to such a port (RFC 8314 section 3.3)
};

class RecordingRules {
 public:
  // `key`: needed where addresses are not written whole and the log is read.
  RecordingRules(const config::MilterConfig& config, std::optional<PseudonymKey> key);

  bool follows_log() const { return follows_log_; }

  // Why a connection is not recorded, as far as its begin shows.
  std::optional<ExclusionReason> excludes(std::string_view client_address, const Daemon& daemon) const;
  // The local network that the address is in; "" where it is in none.
  std::string find_local_network(std::string_view address) const;
  bool excludes_authenticated() const { return !filter_.authenticated; }

  // The session as it must be written: without fields that are not kept, and with the note whether it waits
  // for the log. Nothing if it must not be written at all. `excluded`: the session is not counted, and is
  // written only so that its failure is not counted either.
  std::optional<session::Session> to_record(session::Session session, bool excluded) const;

  // Why a failure in the log is not of a session that is recorded, as far as the line itself shows.
  std::optional<FailureExclusion> excludes(const session::LoggedFailure& failure) const;

  // A failure in the log as it is to be written: of an excluded failure only the position. `watched`: as of
  // store::LogEvent.
  store::LogEvent to_record(const session::LoggedFailure& failure, const session::LogPosition& position,
                            std::string_view receiving_mx, bool watched) const;

 private:
  bool is_wanted_service(const session::LoggedFailure& failure) const;
  const IpNetwork* find_local(std::string_view address) const;
  std::string shortened(const std::string& address) const;
  std::string address_pseudonym(const std::string& address) const;

  const config::SessionFilter filter_;
  const config::AddressDetail address_detail_;
  const bool follows_log_;
  const std::optional<PseudonymKey> key_;
};

}  // namespace starttls::milter
