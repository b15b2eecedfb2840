#include "report/arguments.h"

#include "base/domain.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::report {

void period_options(command::Options& options, PeriodValues& values, const std::string& default_since) {
  const std::string default_until = values.until;
  options.option("--since", values.since, "DAY", "First day (default: " + default_since + ")");
  options.option("--until", values.until, "DAY",
                 "Last day: YYYY-MM-DD, today or yesterday (default: " + default_until + ")");
}

Result<Day> parse_day_option(const std::string& option, const std::string& text, const Clock& clock) {
  const Day today = to_day(clock());
  if (text == "today") return today;
  if (text == "yesterday") return today - std::chrono::days{1};
  const auto day = parse_day(text);
  if (!day) return fail(Fault::usage, "{}: {}, and not 'today' or 'yesterday'", option, day.error().message);
  return *day;
}

Result<store::Period> parse_period(const PeriodValues& values, std::chrono::days days, const Clock& clock) {
  const Day last = TRY(parse_day_option("--until", values.until, clock));
  const Day first =
      values.since.empty() ? last - days : TRY(parse_day_option("--since", values.since, clock));
  if (first > last)
    return fail(Fault::usage, "--since {} is after --until {}", to_string(first), to_string(last));
  return store::Period{first, last};
}

Result<std::optional<std::string>> parse_domain_option(const std::optional<std::string>& text) {
  if (!text) return std::nullopt;
  const auto domain = DomainName::parse(*text);
  if (!domain) return fail(Fault::usage, "--domain: {}", domain.error().message);
  return domain->str();
}

}  // namespace starttls::report
