#include "report/bounces.h"

#include <algorithm>
#include <string>

#include "base/text.h"
#include "base/try.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_reason = 300;  // bytes of what the other mail server said

std::string reason_of(const mail::RecipientStatus& recipient) {
  return printable(recipient.diagnostic.empty() ? recipient.status : recipient.diagnostic, max_reason);
}

}  // namespace

Result<void> Bounces::take(Input& input, bool stores) {
  if (!stores) {
    input.reason = "nothing is stored";
    return {};
  }
  if (input.bounce.message_id.empty()) {
    input.reason = "it does not name the mail that came back";
    return {};
  }
  input.reason = "nothing in it has failed permanently";
  for (const mail::RecipientStatus& recipient : input.bounce.recipients) {
    if (!mail::is_permanent_failure(recipient)) continue;
    if (input.suppressed.empty()) input.reason = "no report was sent to that address under that Message-ID";
    const auto address = TRY(address_of(input.bounce.message_id, recipient));
    if (!address || std::ranges::find(input.suppressed, *address) != input.suppressed.end()) continue;
    if (input.suppressed.empty()) input.reason = reason_of(recipient);
    TRY(suppress({.address = *address, .since = now_, .reason = reason_of(recipient)}));
    input.suppressed.push_back(*address);
  }
  return {};
}

Result<std::optional<std::string>> Bounces::address_of(const std::string& report_id,
                                                       const mail::RecipientStatus& recipient) {
  if (!queue_)
    queue_ = TRY(tlsrptdb::DeliveryQueue::open(tlsrptdb::report_file(state_dir_), store::Access::read));
  // The second one differs where the other mail server passes mail on to another address.
  for (const std::string& written : {recipient.original_address, recipient.final_address}) {
    if (!written.empty() && TRY(queue_->was_sent(report_id, "mailto:" + written, now_ - bounce_time)))
      return to_lower(written);
  }
  return std::nullopt;
}

Result<void> Bounces::suppress(const tlsrptdb::Suppression& suppression) {
  auto suppressions =
      TRY(tlsrptdb::Suppressions::open(tlsrptdb::report_file(state_dir_), store::Access::owner));
  TRY(suppressions.forget_ended(now_));
  return suppressions.add(suppression);
}

}  // namespace starttls::report
