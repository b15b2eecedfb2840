// `tlsrpt-report summary`: the request, the figures, and their output.
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

// What received reports are grouped by.
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
  GroupedFigures protection;  // only for an overview, like the next one
  GroupedFigures domains;
  GroupedFigures sessions;                     // by the requested grouping
  std::map<std::string, VersionUse> versions;  // by Grouping::version
  Figures all;                                 // for all policy domains and TLS versions
  ReceivedFigures received;
  std::string why_empty;  // a sentence, if there is nothing to show

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
