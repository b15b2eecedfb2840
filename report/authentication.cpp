#include "report/authentication.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/domain.h"
#include "base/text.h"
#include "base/try.h"
#include "mail/authentication_results.h"

namespace starttls::report {
namespace {

constexpr std::array<std::string_view, 5> wanted_fields{"authentication-results", "dkim-signature", "from",
                                                        "tls-report-domain", "tls-report-submitter"};

// "" if the text is no domain name.
std::string domain_in(std::string_view text) {
  const auto domain = DomainName::parse(text);
  return domain && domain->str().contains('.') ? domain->str() : "";
}

std::string domain_behind_at(std::string_view text) {
  const auto at = text.rfind('@');
  return at == std::string_view::npos ? "" : domain_in(trim(text.substr(at + 1)));
}

std::string signer_of(const mail::AuthenticationResult& result) {
  if (const auto domain = result.property("header", "d")) return domain_in(*domain);
  const auto identity = result.property("header", "i");
  return identity ? domain_behind_at(*identity) : "";
}

bool is_or_is_below(const std::string& name, const std::string& domain) {
  return name == domain || name.ends_with("." + domain);
}

// Whether the signature covers only a part of the body: l= limits the signed part (RFC 6376 section 3.5).
bool covers_a_part(const std::string& signer, const std::vector<mail::Field>& fields) {
  return std::ranges::any_of(fields, [&](const mail::Field& field) {
    if (field.name != "dkim-signature" || !mail::find_tag(field.value, "l")) return false;
    const std::string domain = domain_in(mail::find_tag(field.value, "d").value_or(""));
    return domain.empty() || is_or_is_below(signer, domain);
  });
}

bool is_dkim(const mail::AuthenticationResult& result) {
  return result.method == "dkim";
}

// Reads the results of the one field that is used.
void take_results(const mail::AuthenticationResults& results, const std::vector<mail::Field>& fields,
                  ReportOrigin& origin) {
  origin.unsigned_reason =
      fmt::format("{} found no valid DKIM signature", printable(results.authserv_id, 100));
  for (const mail::AuthenticationResult& result : results.results) {
    if (!is_dkim(result) || result.result != "pass") continue;
    std::string signer = signer_of(result);
    if (signer.empty()) {
      origin.unsigned_reason =
          fmt::format("{} does not say who signed it", printable(results.authserv_id, 100));
    } else if (covers_a_part(signer, fields)) {
      origin.unsigned_reason =
          fmt::format("the DKIM signature of {} covers only a part of the mail (l=)", signer);
    } else {
      origin.signers.push_back(std::move(signer));
    }
  }
}

}  // namespace

ReportOrigin report_origin(const std::vector<mail::Field>& fields, const std::vector<std::string>& trusted) {
  ReportOrigin origin{.unsigned_reason = "no trusted server has checked its DKIM signature"};
  for (const mail::Field& field : fields) {
    if (field.name == "tls-report-submitter" && origin.submitter.empty())
      origin.submitter = domain_in(field.value);
    if (field.name == "tls-report-domain" && origin.report_domain.empty())
      origin.report_domain = domain_in(field.value);
    if (field.name == "from" && origin.from.empty())
      origin.from = domain_in(mail::address_domain(field.value).value_or(""));
  }
  for (const mail::Field& field : fields) {
    if (field.name != "authentication-results") continue;
    const auto id = mail::parse_authserv_id(field.value);
    if (!id || std::ranges::find(trusted, to_lower(*id)) == trusted.end()) continue;
    const auto results = mail::parse_authentication_results(field.value);
    if (!results) {
      origin.unsigned_reason =
          fmt::format("Authentication-Results of {} cannot be read", printable(*id, 100));
      return origin;
    }
    if (std::ranges::none_of(results->results, is_dkim)) continue;
    take_results(*results, fields, origin);
    return origin;
  }
  return origin;
}

Result<ReportOrigin> report_origin(const mail::RandomAccessFile& source, std::uint64_t begin,
                                   std::uint64_t end, const std::vector<std::string>& trusted) {
  const auto fields = TRY(mail::read_fields(source, begin, end, wanted_fields));
  return report_origin(fields, trusted);
}

std::string reporting_domain(const tlsrpt::ReportHead& head, const store::SendingDomainFinder& registrable) {
  const std::string domain = domain_behind_at(head.contact_info);
  return domain.empty() ? "" : registrable(domain);
}

Authentication authenticate(const ReportOrigin& origin, const tlsrpt::ReportHead& head,
                            const store::SendingDomainFinder& registrable) {
  if (origin.signers.empty()) return {.signer = {}, .reason = origin.unsigned_reason};
  std::string domain = domain_behind_at(head.contact_info);
  if (domain.empty()) domain = origin.submitter;
  if (domain.empty()) domain = origin.from;
  if (domain.empty()) return {.signer = {}, .reason = "it does not say who reports"};
  const std::string reporter = registrable(domain);
  for (const std::string& signer : origin.signers) {
    if (!reporter.empty() && registrable(signer) == reporter) return {.signer = reporter, .reason = {}};
  }
  return {.signer = {},
          .reason = fmt::format("it is signed by {}, and not by {}", origin.signers.front(), domain)};
}

}  // namespace starttls::report
