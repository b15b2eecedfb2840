#include "listtool/own_network.h"

#include "base/counted.h"

namespace starttls::listtool {

void OwnNetwork::add(const examination::Findings& findings) {
  for (const examination::Finding& finding : findings) {
    if (finding.code != examination::Code::smtp_own_network) continue;
    const auto [found, is_new] = items_.try_emplace(finding.seen);
    if (is_new) found->second.finding = finding;
    ++found->second.domains;
  }
}

std::string OwnNetwork::to_text(CheckStyle style) const {
  std::string text;
  for (const auto& [seen, item] : items_)
    text += '\n' + listtool::to_text(item.finding, counted(item.domains, "domain"), style);
  return text;
}

}  // namespace starttls::listtool
