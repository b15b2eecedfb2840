// The results of our own mail to a domain, as tlsrpt-collector has counted them in its embedded store.
#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "outbound/figures.h"

namespace starttls::listtool {

inline constexpr std::chrono::days delivery_days{30};  // up to today

// Nothing where there is no store, the user may not read it, or it has no result about the domain. Errors as of
// outbound::open_sqlite_store().
Result<std::optional<outbound::Summary>> read_deliveries(const std::filesystem::path& file,
                                                         const std::string& domain, Time now);

// "2104 sessions in 30 days, the last on 2026-11-28; 3 failed: certificate-expired (3)".
std::string describe_deliveries(const outbound::Summary& deliveries);

}  // namespace starttls::listtool
