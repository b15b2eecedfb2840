// What the configuration says about the intake of reports, however they arrive.
#pragma once

#include "base/clock.h"
#include "base/result.h"
#include "config/tlsrpt_toml.h"
#include "report/intake.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {

// For an intake at that time. Errors as of store::sending_domain().
Result<IntakeSettings> intake_settings(const config::TlsrptConfig& configuration, Time now,
                                       bool are_authenticated);

// The store with its limit, in the state directory, which is created where there is none. Errors as of
// ReportStore::open().
Result<tlsrptdb::ReportStore> open_intake_store(const config::TlsrptConfig& configuration);

// Removes reports that are older than the configuration keeps them, up to some thousand.
Result<void> prune_old(tlsrptdb::ReportStore& store, const config::TlsrptConfig& configuration, Time now);

}  // namespace starttls::report
