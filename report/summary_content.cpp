#include "report/summary_content.h"

#include <fmt/format.h>

#include "base/counted.h"
#include "base/try.h"
#include "report/empty_result.h"
#include "store/sending_domain.h"

namespace starttls::report {
namespace {

// A lookup of sending domains needs the list of public suffixes.
Result<store::SendingDomainFinder> sending_domain_for(const SummaryRequest& request) {
  if (request.sessions_by == Grouping::sender || request.sessions_by == Grouping::version)
    return store::sending_domain();
  return store::SendingDomainFinder();
}

bool is_wanted(const SummaryRequest& request, const store::SessionClass& session_class) {
  return !request.tls_version || (session_class.outcome == session::Outcome::tls &&
                                  session_class.tls_version == *request.tls_version);
}

Result<void> read_own_sessions(const SummaryRequest& request, const config::TlsrptConfig& configuration,
                               OurDomains& ours, SummaryContent& content) {
  const auto sending_domain = TRY(sending_domain_for(request));
  SenderNames names(sending_domain);
  FigureGroups protection(Grouping::protection, request.domain);
  FigureGroups domains(Grouping::domain, request.domain);
  FigureGroups sessions(request.sessions_by.value_or(Grouping::protection), request.domain,
                        [&](const store::SessionClass& session_class) { return names.name(session_class); });
  VersionFigures versions(sending_domain, request.domain);
  TRY(read_sessions(configuration, request.period, [&](const auto& session_class, const auto& count) {
    ours.add(session_class, count);
    content.all += to_figures(session_class.outcome, count.total);
    if (request.received_by || !is_wanted(request, session_class)) return;
    if (request.sessions_by) {
      sessions.add(session_class, count);
      if (request.sessions_by == Grouping::version) versions.add(session_class, count);
    } else {
      protection.add(session_class, count);
      domains.add(session_class, count);
    }
  }));
  content.protection = protection.figures();
  content.domains = domains.figures();
  content.sessions = sessions.figures();
  content.versions = versions.versions();
  return {};
}

// Why there are no groups although there were sessions.
std::string why_no_groups(const SummaryContent& content, const SummaryRequest& request,
                          const config::TlsrptConfig& configuration) {
  const std::string recipients = request.domain ? " with a recipient in " + *request.domain : "";
  if (request.tls_version) {
    return fmt::format("None of the {} {} used {}{}.", counted(content.all.sessions, "session"),
                       on_days(request.period), version_label(*request.tls_version), recipients);
  }
  if (request.sessions_by == Grouping::version) {
    return fmt::format("None of the {} {} used TLS{}.", counted(content.all.sessions, "session"),
                       on_days(request.period), recipients);
  }
  if (request.sessions_by != Grouping::failure) return {};
  if (request.domain) {
    return "A session whose TLS handshake failed has no recipient, so it belongs to no policy domain: use "
           "--by failure without --domain.";
  }
  if (configuration.milter.mta_log.empty()) {
    return "Failed TLS handshakes are only in the mail server's log; set mta_log in tlsrpt.toml(5) to count "
           "them.";
  }
  return fmt::format("The mail server's log has no failed TLS handshake {}, as far as it was read.",
                     on_days(request.period));
}

Result<std::string> why_empty(const SummaryContent& content, const SummaryRequest& request,
                              const config::TlsrptConfig& configuration, const OurDomains& ours) {
  if (request.received_by) {
    if (!content.received.reporters().empty()) return std::string();
    const auto last = TRY(last_received(configuration, ours, request.domain));
    return why_no_reports(last, request.period, request.domain);
  }
  if (content.has_sessions()) return std::string();
  const auto recorded = TRY(read_recorded(configuration, request.period, request.domain));
  const bool has_any = request.domain ? recorded.domains.contains(*request.domain) : recorded.sessions > 0;
  const bool is_about_groups = request.tls_version || request.sessions_by == Grouping::version ||
                               request.sessions_by == Grouping::failure;
  if (content.all.sessions > 0 && is_about_groups && (has_any || request.sessions_by == Grouping::failure)) {
    return why_no_groups(content, request, configuration);
  }
  return why_no_sessions(recorded, configuration.state_dir.string(), request.period, request.domain);
}

}  // namespace

Result<SummaryContent> read_summary(const SummaryRequest& request, const Context& context) {
  const config::TlsrptConfig& configuration = context.configuration;
  SummaryContent content;
  OurDomains ours = load_our_domains(context, request.domain);
  Result<void> done;
  if (!request.received_by || !ours.domains.empty())
    done = read_own_sessions(request, configuration, ours, content);
  // Received reports do not depend on a milter.
  if (!done && request.received_by && done.error().fault == Fault::unavailable) done = {};
  if (done && !request.sessions_by && !request.tls_version) {
    done = read_received(configuration, ours, request.period, request.domain,
                         [&](const Reported& reported) { content.received.add(reported); });
  }
  if (!done) return std::unexpected(done.error());
  auto why = TRY(why_empty(content, request, configuration, ours));
  content.why_empty = std::move(why);
  return content;
}

}  // namespace starttls::report
