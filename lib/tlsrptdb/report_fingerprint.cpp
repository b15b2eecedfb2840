#include "tlsrptdb/report_fingerprint.h"

#include <openssl/evp.h>

#include <array>
#include <cstring>
#include <new>
#include <string>

#include "base/saturated.h"
#include "base/text.h"
#include "store/columns.h"

namespace starttls::tlsrptdb {

ReportFingerprint::ReportFingerprint()
    : context_(::EVP_MD_CTX_new(), &::EVP_MD_CTX_free),
      sha256_(::EVP_MD_fetch(nullptr, "SHA256", nullptr), &::EVP_MD_free) {}

void ReportFingerprint::begin() {
  if (::EVP_DigestInit_ex2(context_.get(), sha256_.get(), nullptr) != 1) throw std::bad_alloc();
  successful_ = failed_ = 0;
}

void ReportFingerprint::add(const tlsrpt::PolicyResult& policy) {
  add(policy.policy_domain);
  add_saturated(successful_, policy.successful_sessions);
  add_saturated(failed_, policy.failed_sessions);
}

// Adds the length first, so that two different lists of texts never give the same result.
void ReportFingerprint::add(std::string_view text) {
  const std::uint64_t size = text.size();
  ::EVP_DigestUpdate(context_.get(), &size, sizeof size);
  ::EVP_DigestUpdate(context_.get(), text.data(), text.size());
}

std::int64_t ReportFingerprint::of(const tlsrpt::ReportHead& head) {
  add(to_lower(head.organization_name));
  add(head.report_id);
  add(std::to_string(store::to_number(head.begin)));
  add(std::to_string(store::to_number(head.end)));
  if (head.report_id.empty()) add(fmt::format("{} {}", successful_, failed_));
  return end();
}

std::int64_t ReportFingerprint::end() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  ::EVP_DigestFinal_ex(context_.get(), digest.data(), nullptr);
  std::int64_t number = 0;
  std::memcpy(&number, digest.data(), sizeof number);
  return number;
}

std::int64_t signed_fingerprint(std::int64_t identity, std::string_view signer) {
  ReportFingerprint of_signed;
  of_signed.begin();
  of_signed.add(std::to_string(identity));
  of_signed.add(signer);
  return of_signed.end();
}

}  // namespace starttls::tlsrptdb
