#include "report/senders.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace starttls::report {
namespace {

using session::Outcome;
using store::SessionClass;

constexpr std::array<std::string_view, 6> recorded_versions{"SSLv2",   "SSLv3",   "TLSv1",
                                                            "TLSv1.1", "TLSv1.2", "TLSv1.3"};

}  // namespace

std::string_view SenderNames::name(const SessionClass& session_class) {
  if (session_class.client_name.empty()) return nameless;
  auto found = names_.find(session_class.client_name);
  if (found == names_.end()) {
    std::string domain = sending_domain_(session_class.client_name);
    if (domain.empty()) domain = session_class.client_name;
    found = names_.emplace(session_class.client_name, std::move(domain)).first;
  }
  return found->second;
}

std::string host_label(const SessionClass& session_class) {
  if (session_class.client_address.empty())
    return session_class.client_name.empty() ? "(no address kept)" : session_class.client_name;
  const std::string address = "[" + session_class.client_address + "]";
  return session_class.client_name.empty() ? address : session_class.client_name + " " + address;
}

void SenderFigures::add(const SessionClass& session_class, const store::ClassCount& count) {
  const auto tally = tally_for(count, domain_);
  if (!tally) return;
  const std::string_view name = names_.name(session_class);
  auto found = senders_.find(name);
  if (found == senders_.end()) found = senders_.emplace(std::string(name), SenderGroup()).first;
  const Figures figures = to_figures(session_class.outcome, *tally);
  found->second.figures += figures;
  if (figures.plaintext + figures.failed > 0) found->second.hosts[host_label(session_class)] += figures;
}

void VersionFigures::add(const SessionClass& session_class, const store::ClassCount& count) {
  if (session_class.outcome != Outcome::tls) return;
  const auto tally = tally_for(count, domain_);
  if (!tally) return;
  VersionUse& use = versions_[session_class.tls_version];
  use.figures += to_figures(session_class.outcome, *tally);
  use.last = std::max(use.last, session_class.day);
  const std::string_view name = names_.name(session_class);
  auto found = use.senders.find(name);
  if (found == use.senders.end()) found = use.senders.emplace(std::string(name), 0).first;
  found->second += tally->sessions;
}

std::string version_label(const std::string& version) {
  return version == "TLSv1" ? "TLSv1.0" : version;
}

bool is_deprecated(const std::string& version) {
  const auto* const found = std::ranges::find(recorded_versions, version);
  return found != recorded_versions.end() && *found < std::string_view("TLSv1.2");
}

Result<std::string> parse_tls_version(const std::string& text) {
  std::string wanted = to_lower(text);
  for (const std::string_view prefix : {"tls", "v"}) {
    if (wanted.starts_with(prefix)) wanted.erase(0, prefix.size());
  }
  if (!wanted.starts_with("ssl")) wanted = "tlsv" + wanted;
  if (wanted == "tlsv1.0") wanted = "tlsv1";
  for (const std::string_view version : recorded_versions) {
    if (to_lower(version) == wanted) return std::string(version);
  }
  return fail(Fault::usage, "--tls-version: '{}' is none of TLSv1.0, TLSv1.1, TLSv1.2, TLSv1.3, SSLv3",
              printable(text, 100));
}

}  // namespace starttls::report
