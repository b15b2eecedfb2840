// Which sessions are recorded, and how much of each.
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

// The MTA's side of a connection, as its macros tell.
struct Daemon {
  std::string_view name;  // {daemon_name}
  std::string_view port;  // {daemon_port}
};

// Why a failure in the mail server's log does not count.
enum class FailureExclusion {
  local_network,
  service,       // by its name, in the configuration
  implicit_tls,  // mail from other servers does not come to such a port (RFC 8314 3.3)
};

class RecordingRules {
 public:
  // `key`: needed where addresses are not kept whole and the log is followed.
  RecordingRules(const config::TlsrptConfig& configuration, std::optional<PseudonymKey> key);

  bool follows_log() const { return follows_log_; }

  // Whether the connection is not to be recorded, by what is known at its begin.
  std::optional<ExclusionReason> excludes(std::string_view client_address, const Daemon& daemon) const;
  // The network of ours that the address is in; it is in one.
  std::string local_network_of(std::string_view address) const;
  bool excludes_authenticated() const { return !selection_.authenticated; }

  // A session as it is to be written: says whether the log may tell more of it, and leaves out what is not
  // kept. Nothing where it is not to be written at all. `excluded` is not to be counted, and only takes its
  // failure with it.
  std::optional<session::Session> to_record(session::Session session, bool excluded) const;

  // Why a failure in the log is not of a session that is recorded, as far as the line itself tells; none: it
  // may be.
  std::optional<FailureExclusion> excludes(const session::LoggedFailure& failure) const;

  // The same for what the log has. Of a failure that is excluded only the position is written. `watched`: as
  // of store::LogEvent.
  store::LogEvent to_record(const session::LoggedFailure& failure, const session::LogPosition& position,
                            std::string_view receiving_mx, bool watched) const;

 private:
  bool is_wanted_service(const session::LoggedFailure& failure) const;
  const IpNetwork* find_local(std::string_view address) const;
  std::string kept(const std::string& address) const;
  std::string address_pseudonym(const std::string& address) const;

  const config::SessionFilter selection_;
  const config::AddressDetail address_detail_;
  const bool follows_log_;
  const std::optional<PseudonymKey> key_;
};

}  // namespace starttls::milter
