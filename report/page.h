// The page of `tlsrpt-report html`: everything is in one file, which can safely be sent by mail.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "checkdb/check_state.h"
#include "outbound/figures.h"
#include "report/alerts.h"
#include "report/downgrade_list.h"
#include "report/received_figures.h"
#include "report/senders.h"
#include "report/summary_figures.h"
#include "store/store.h"

namespace starttls::report {

struct PageContent {
  store::Period period;
  std::optional<std::string> domain;  // only sessions and reports of this policy domain
  Time created;
  std::string organization;              // "": not configured
  std::vector<std::string> our_domains;  // as configured; may be empty
  bool follows_log = false;              // whether failed handshakes are recorded
  // Our own sessions, grouped.
  GroupedFigures protection;
  GroupedFigures days;
  GroupedFigures domains;
  GroupedFigures hosts;  // our MX hosts
  GroupedFigures ciphers;
  GroupedFigures failures;
  std::map<std::string, SenderGroup, std::less<>> senders;
  std::map<std::string, VersionUse> versions;
  ReceivedFigures received;
  std::vector<DowngradeEntry> downgrades;
  std::vector<Alert> alerts;
  Day alert_day;                              // the last day of `alerts`
  std::string why_empty;                      // if there are no sessions; else ""
  std::string why_no_reports;                 // if there are no reports; else ""
  std::optional<outbound::Summary> outbound;  // our own mail; none: not of this page
  // What `starttls-listtool check --watch` found; nothing where no domain is watched.
  std::optional<checkdb::KnownDomains> checked;
  std::string why_not_checked;  // if that cannot be read; else ""
};

// Without scripts and external content: the page forbids the browser to load anything. It has a light and a
// dark style, is readable on screens from 320 pixels and on paper, and contains the figures of each chart.
std::string to_html(const PageContent& content);

}  // namespace starttls::report
