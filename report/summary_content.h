// `tlsrpt-report summary`: what was asked for, the figures, and how they are shown.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/result.h"
#include "report/context.h"
#include "report/received_figures.h"
#include "report/senders.h"
#include "report/summary_figures.h"
#include "report/tables.h"
#include "store/store.h"

namespace starttls::report {

// What can be shown: our own sessions in groups, or what others report.
enum class ReceivedBy { reporter, result_type };

struct SummaryRequest {
  store::Period period;
  std::optional<std::string> domain;
  std::optional<std::string> tls_version;
  std::optional<Grouping> sessions_by;
  std::optional<ReceivedBy> received_by;

  bool is_overview() const { return !sessions_by && !received_by; }
};

// The figures for a request.
struct SummaryContent {
  GroupedFigures protection;  // of an overview, as is the next
  GroupedFigures domains;
  GroupedFigures sessions;                     // by what was asked for
  std::map<std::string, VersionUse> versions;  // by Grouping::version
  Figures all;                                 // whatever the policy domain and the TLS version
  ReceivedFigures received;
  std::string why_empty;  // a sentence where there is nothing to show

  bool has_sessions() const { return sum(protection).sessions + sum(sessions).sessions > 0; }
};

Result<SummaryContent> read_summary(const SummaryRequest& request, const Context& context);

// The table for a request; that of an overview is by protection.
Table to_table(const SummaryContent& content, const SummaryRequest& request);

// As text: tables with explanations.
std::string render(const SummaryContent& content, const SummaryRequest& request,
                   const config::TlsrptConfig& configuration);

std::string to_json(const SummaryContent& content, const SummaryRequest& request);

}  // namespace starttls::report
