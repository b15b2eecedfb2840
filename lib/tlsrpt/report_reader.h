// One report as it was received, gzip or JSON, read and packed to be kept.
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

// Reads one document after another; what that takes is kept from one to the next.
class ReportReader {
 public:
  // Without `keep` nothing is packed.
  explicit ReportReader(bool keep);

  // As read_report(), of JSON or gzip. Fault::data, too, where it is packed badly, or is over a limit.
  Result<ReportReading> read(const ReadBytes& document, const TakePolicy& take);

  // The JSON of the last report as gzip: the bytes that came, where they were that.
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
