// The fingerprint of a report, equal for reports with the same reporter, report id, days and policy domains;
// without an id, also with the same sums of sessions.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "tlsrpt/report.h"

struct evp_md_ctx_st;  // of OpenSSL
struct evp_md_st;

namespace starttls::tlsrptdb {

// The fingerprint of a report that `signer` authenticates. Others who use its name and id get another one.
std::int64_t signed_fingerprint(std::int64_t identity, std::string_view signer);

// Computes the fingerprints of reports as they are read.
class ReportFingerprint {
 public:
  ReportFingerprint();

  // Starts a report and drops what was added before.
  void begin();
  void add(const tlsrpt::PolicyResult& policy);
  // A part of a SHA-256: nobody can construct a report that replaces another.
  std::int64_t of(const tlsrpt::ReportHead& head);

 private:
  friend std::int64_t signed_fingerprint(std::int64_t identity, std::string_view signer);
  void add(std::string_view text);
  std::int64_t end();

  std::unique_ptr<evp_md_ctx_st, void (*)(evp_md_ctx_st*)> context_;
  std::unique_ptr<evp_md_st, void (*)(evp_md_st*)> sha256_;
  std::uint64_t successful_ = 0;
  std::uint64_t failed_ = 0;
};

}  // namespace starttls::tlsrptdb
