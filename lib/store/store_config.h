// What the configuration sets for the store.
#pragma once

#include <string>
#include <vector>

#include "config/tlsrpt_toml.h"
#include "store/open_store.h"

namespace starttls::store {

StoreLocation store_location(const config::TlsrptConfig& config);

// Settings that are allowed but dangerous, one sentence each, for the log: a weak connection to the store, or
// a password in a configuration file that others can read.
std::vector<std::string> store_warnings(const config::TlsrptConfig& config);

}  // namespace starttls::store
