#include "base/domain.h"
#include "base/text.h"
#include "milter/report/commands.h"

namespace starttls::milter {

Result<Day> day_argument(const std::string& text, const Clock& clock) {
  const Day today = day_of(clock());
  if (text == "today") return today;
  if (text == "yesterday") return today - std::chrono::days{1};
  const auto day = parse_day(text);
  if (!day) return fail(Fault::usage, "{}, and not 'today' or 'yesterday'", day.error().message);
  return *day;
}

Result<std::optional<std::string>> domain_argument(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto domain = DomainName::parse(*text);
  if (!domain) return fail(Fault::usage, "--domain: {}", domain.error().message);
  return domain->str();
}

}  // namespace starttls::milter
