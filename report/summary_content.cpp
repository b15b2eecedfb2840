#include "report/summary_content.h"

#include <fmt/format.h>

#include "base/counted.h"
#include "report/empty_result.h"
#include "store/sending_domain.h"

namespace starttls::report {
namespace {

// Where a sending domain is looked up, the list of public suffixes is needed.
Result<store::SendingDomainFinder> sending_domain_for(const SummaryRequest& request) {
  if (request.sessions_by == Grouping::sender || request.sessions_by == Grouping::version)
    return store::sending_domain();
  return store::SendingDomainFinder();
}

bool is_wanted(const SummaryRequest& request, const store::SessionClass& of) {
  return !request.tls_version ||
         (of.outcome == session::Outcome::tls && of.tls_version == *request.tls_version);
}

Result<void> read_own_sessions(const SummaryRequest& request, const config::TlsrptConfig& configuration,
                               OurDomains& facts, SummaryContent& content) {
  const auto sending_domain = sending_domain_for(request);
  if (!sending_domain) return std::unexpected(sending_domain.error());
  SenderNames names(*sending_domain);
  FigureGroups protection(Grouping::protection, request.domain);
  FigureGroups domains(Grouping::domain, request.domain);
  FigureGroups sessions(request.sessions_by.value_or(Grouping::protection), request.domain,
                        [&](const store::SessionClass& of) { return names.of(of); });
  VersionFigures versions(*sending_domain, request.domain);
  auto done = read_sessions(configuration, request.period, [&](const auto& of, const auto& count) {
    facts.add(of, count);
    content.all += figures_of(of.outcome, count.total);
    if (request.received_by || !is_wanted(request, of)) return;
    if (request.sessions_by) {
      sessions.add(of, count);
      if (request.sessions_by == Grouping::version) versions.add(of, count);
    } else {
      protection.add(of, count);
      domains.add(of, count);
    }
  });
  if (!done) return std::unexpected(done.error());
  content.protection = protection.figures();
  content.domains = domains.figures();
  content.sessions = sessions.figures();
  content.versions = versions.versions();
  return {};
}

// Why there are no groups, although there were sessions.
std::string why_no_groups(const SummaryContent& content, const SummaryRequest& request,
                          const config::TlsrptConfig& configuration) {
  const std::string of = request.domain ? " with a recipient in " + *request.domain : "";
  if (request.tls_version) {
    return fmt::format("None of the {} {} used {}{}.", counted(content.all.sessions, "session"),
                       on_days(request.period), version_label(*request.tls_version), of);
  }
  if (request.sessions_by == Grouping::version) {
    return fmt::format("None of the {} {} used TLS{}.", counted(content.all.sessions, "session"),
                       on_days(request.period), of);
  }
  if (request.sessions_by != Grouping::failure) return {};
  if (request.domain) {
    return "A session whose TLS handshake failed has no recipient, so none is known of a policy domain: "
           "leave "
           "out --domain.";
  }
  if (configuration.mta_log.empty()) {
    return "Whether a TLS handshake failed is only in the mail server's log, and mta_log, which says where "
           "that "
           "is, is not set in tlsrpt.toml(5).";
  }
  return fmt::format("The mail server's log has no failed TLS handshake {}, as far as it was read.",
                     on_days(request.period));
}

Result<std::string> why_empty(const SummaryContent& content, const SummaryRequest& request,
                              const config::TlsrptConfig& configuration, const OurDomains& facts) {
  if (request.received_by) {
    if (!content.received.reporters().empty()) return std::string();
    const auto last = last_received(configuration, facts, request.domain);
    if (!last) return std::unexpected(last.error());
    return why_no_reports(*last, request.period, request.domain);
  }
  if (content.has_sessions()) return std::string();
  const auto recorded = read_recorded(configuration, request.period, request.domain);
  if (!recorded) return std::unexpected(recorded.error());
  const bool has_any = request.domain ? recorded->domains.contains(*request.domain) : recorded->sessions > 0;
  const bool is_about_groups = request.tls_version || request.sessions_by == Grouping::version ||
                               request.sessions_by == Grouping::failure;
  if (content.all.sessions > 0 && is_about_groups && (has_any || request.sessions_by == Grouping::failure)) {
    return why_no_groups(content, request, configuration);
  }
  return why_no_sessions(*recorded, configuration.state_dir.string(), request.period, request.domain);
}

}  // namespace

Result<SummaryContent> read_summary(const SummaryRequest& request, const Surroundings& surroundings) {
  const config::TlsrptConfig& configuration = surroundings.configuration;
  SummaryContent content;
  OurDomains facts = our_facts(surroundings, request.domain);
  Result<void> done;
  if (!request.received_by || !facts.domains.empty())
    done = read_own_sessions(request, configuration, facts, content);
  // What others report is there without a milter, too.
  if (!done && request.received_by && done.error().fault == Fault::unavailable) done = {};
  if (done && !request.sessions_by && !request.tls_version) {
    done = read_received(configuration, facts, request.period, request.domain,
                         [&](const Reported& reported) { content.received.add(reported); });
  }
  if (!done) return std::unexpected(done.error());
  auto why = why_empty(content, request, configuration, facts);
  if (!why) return std::unexpected(why.error());
  content.why_empty = std::move(*why);
  return content;
}

}  // namespace starttls::report
