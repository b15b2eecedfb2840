// Sending hosts, grouped by the domain of their owner.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>

#include "report/summary_figures.h"
#include "store/counts.h"
#include "store/senders.h"

namespace starttls::report {

// The sending domain of each client; the result of a lookup is cached.
class SenderNames {
 public:
  // The group of clients without a host name.
  static constexpr std::string_view nameless = "(no host name)";

  explicit SenderNames(store::SendingDomainFinder sending_domain)
      : sending_domain_(std::move(sending_domain)) {}

  // "example.com" for mail.example.com; the host's name if that is itself a public suffix; `nameless`. Valid
  // as long as this object.
  std::string_view name(const store::SessionClass& session_class);

 private:
  store::SendingDomainFinder sending_domain_;
  std::unordered_map<std::string, std::string> names_;  // by client name
};

// "mail.example.com [192.0.2.1]", or the parts of it that are recorded.
std::string host_label(const store::SessionClass& session_class);

struct SenderGroup {
  Figures figures;
  std::map<std::string, Figures> hosts;  // by host_label(): those without TLS or with failed handshakes
};

class SenderFigures {
 public:
  SenderFigures(store::SendingDomainFinder sending_domain, std::optional<std::string> domain)
      : names_(std::move(sending_domain)), domain_(std::move(domain)) {}

  void add(const store::SessionClass& session_class, const store::ClassCount& count);
  const std::map<std::string, SenderGroup, std::less<>>& senders() const { return senders_; }

 private:
  SenderNames names_;
  std::optional<std::string> domain_;
  std::map<std::string, SenderGroup, std::less<>> senders_;
};

// The senders of one TLS version.
struct VersionUse {
  Figures figures;
  std::map<std::string, std::uint64_t, std::less<>> senders;  // with their sessions
  Day last;                                                   // with such a session
};

class VersionFigures {
 public:
  VersionFigures(store::SendingDomainFinder sending_domain, std::optional<std::string> domain)
      : names_(std::move(sending_domain)), domain_(std::move(domain)) {}

  void add(const store::SessionClass& session_class, const store::ClassCount& count);
  // By the version, as it was recorded.
  const std::map<std::string, VersionUse>& versions() const { return versions_; }

 private:
  SenderNames names_;
  std::optional<std::string> domain_;
  std::map<std::string, VersionUse> versions_;
};

// "TLSv1.0" for "TLSv1", which OpenSSL and therefore the mail servers write; others are unchanged.
std::string version_label(const std::string& version);

// Whether it is below TLS 1.2, and so deprecated by RFC 8996.
bool is_deprecated(const std::string& version);

// The version as it is recorded: "TLSv1.0", "TLSv1", "tls1.0" and "1.0" mean the same. Fault::usage.
Result<std::string> parse_tls_version(const std::string& text);

}  // namespace starttls::report
