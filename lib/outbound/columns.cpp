#include "outbound/columns.h"

#include <array>
#include <utility>

#include "base/text.h"

namespace starttls::outbound {

store::RowDigest digest_of(const PolicyTexts& policy) {
  return store::row_digest(std::array<std::string_view, 7>{
      policy.domain, policy.record, source_words.word(policy.source), policy.policy_type,
      policy.policy_domain, policy.policy_strings, policy.mx_hosts});
}

std::string key_of(const Failure& failure) {
  return store::row_key({failure.result_type, failure.sending_mta_ip, failure.receiving_mx_hostname,
                         failure.receiving_mx_helo, failure.receiving_ip, failure.additional_information,
                         failure.failure_reason_code});
}

std::string to_lines(const std::vector<std::string>& texts) {
  std::string lines;
  for (const std::string& text : texts) {
    const std::string line = text.contains('\n') ? printable(text, text.size()) : text;
    if (lines.size() + line.size() >= max_list_size) break;
    if (!lines.empty()) lines += '\n';
    lines += line;
  }
  return lines;
}

std::vector<std::string> from_lines(std::string_view lines) {
  std::vector<std::string> texts;
  while (!lines.empty()) {
    const std::string_view line = lines.substr(0, lines.find('\n'));
    texts.emplace_back(line);
    lines.remove_prefix(line.size() < lines.size() ? line.size() + 1 : lines.size());
  }
  return texts;
}

Policy policy_of(PolicyTexts texts) {
  return {.domain = std::move(texts.domain),
          .record = std::move(texts.record),
          .source = texts.source,
          .policy_type = std::move(texts.policy_type),
          .policy_domain = std::move(texts.policy_domain),
          .policy_strings = from_lines(texts.policy_strings),
          .mx_hosts = from_lines(texts.mx_hosts)};
}

}  // namespace starttls::outbound
