// A daemon that takes documents which are POSTed, until a signal ends it: upload_server.h with signals, systemd and a
// limit of what is in memory.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "config/address.h"
#include "service/upload_server.h"

namespace starttls::service {

struct UploadService {
  config::Address address;
  // Of the process. So many documents at most are in memory at a time.
  std::uint64_t max_descriptors = 256;
  std::string started;  // logged when it listens: "tlsrpt-report 1.0 receives reports on ..."
  UploadSettings uploads;
};

// Returns after SIGTERM or SIGINT; SIGHUP is ignored. What has not arrived completely by then is not taken, and has no
// answer. Errors as of Listener::open(); Fault::unavailable. To be called before any other thread is started.
Result<void> serve_uploads(UploadService service);

}  // namespace starttls::service
