// The page of `tlsrpt-report html`: everything in one file, safe to be mailed around.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "milter/report/received_figures.h"
#include "milter/report/summary_figures.h"
#include "store/senders.h"
#include "store/store.h"

namespace starttls::milter {

struct PageContent {
  store::Period period;
  std::optional<std::string> domain;  // only sessions and reports of this policy domain
  Time made;
  // Our own sessions, grouped.
  GroupedFigures protection;
  GroupedFigures days;
  GroupedFigures domains;
  GroupedFigures senders;
  GroupedFigures ciphers;
  GroupedFigures failures;
  ReceivedFigures received;
  std::vector<store::Downgrade> downgrades;
};

// No scripts, and nothing from elsewhere: a browser is told to load nothing. Light and dark, and fit to be
// printed; each chart has its table.
std::string to_html(const PageContent& content);

}  // namespace starttls::milter
