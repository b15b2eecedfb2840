// Reads one received report, gzip or JSON, and compresses it for storage.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/file.h"
#include "base/result.h"
#include "tlsrpt/gzip.h"
#include "tlsrpt/received_report.h"

namespace starttls::tlsrpt {

inline constexpr std::size_t packed_size_limit = std::size_t{16} << 20U;  // bytes of a report when packed

// Reads one report after another and reuses its buffers.
class ReportReader {
 public:
  // `keep`: keep the compressed report for take_packed().
  explicit ReportReader(bool keep);

  // As read_report(), for JSON or gzip. Fault::data also where the compression is damaged or over a limit.
  Result<ReportReading> read(const ReadBytes& document, const TakePolicy& take);

  // The JSON of the last report as gzip: the received bytes, where they were gzip.
  std::string take_packed();

 private:
  Result<ReportReading> read_gzip(const ReadBytes& document, const TakePolicy& take);
  Result<ReportReading> read_json(const ReadBytes& document, const TakePolicy& take);

  bool keep_;
  std::unique_ptr<char[]> head_;
  SmallGunzip small_gunzip_;
  Gunzip gunzip_;
  Gzip gzip_;
  std::string packed_;
};

}  // namespace starttls::tlsrpt
