// What makes a report the same as another: the reporter, its id, its days and its policy domains; where it
// has no id, the sums of its sessions, too.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "tlsrpt/report.h"

struct evp_md_ctx_st;  // of OpenSSL
struct evp_md_st;

namespace starttls::tlsrptdb {

// The same report with a domain that vouches for it: what another sends under its name and id is another one.
std::int64_t signed_fingerprint(std::int64_t identity, std::string_view signer);

// Told of one report after another as they are read.
class ReportFingerprint {
 public:
  ReportFingerprint();

  // What was added before is of no report that stays.
  void begin();
  void add(const tlsrpt::PolicyResult& policy);
  // A number cut from a SHA-256: nobody finds a report that takes the place of another.
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
