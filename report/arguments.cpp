#include "base/domain.h"
#include "base/text.h"
#include "report/commands.h"

namespace starttls::report {

Result<Day> day_argument(const std::string& text, const Clock& clock) {
  const Day today = to_day(clock());
  if (text == "today") return today;
  if (text == "yesterday") return today - std::chrono::days{1};
  const auto day = parse_day(text);
  if (!day) return fail(Fault::usage, "{}, and not 'today' or 'yesterday'", day.error().message);
  return *day;
}

Result<store::Period> period_argument(const std::string& since, const std::string& until,
                                      std::chrono::days days, const Clock& clock) {
  const auto last = day_argument(until, clock);
  if (!last) return std::unexpected(last.error());
  const auto first = since.empty() ? *last - days : day_argument(since, clock);
  if (!first) return std::unexpected(first.error());
  if (*first > *last)
    return fail(Fault::usage, "--since {} is after --until {}", to_string(*first), to_string(*last));
  return store::Period{*first, *last};
}

Result<std::optional<std::string>> domain_argument(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto domain = DomainName::parse(*text);
  if (!domain) return fail(Fault::usage, "--domain: {}", domain.error().message);
  return domain->str();
}

}  // namespace starttls::report
