#include "listtool/deliveries.h"

#include <set>
#include <system_error>

#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "outbound/store.h"

namespace starttls::listtool {
namespace {

constexpr std::size_t max_types = 3;

}  // namespace

Result<std::optional<outbound::Summary>> read_deliveries(const std::filesystem::path& file,
                                                         const std::string& domain, Time now) {
  std::error_code error;
  if (file.empty() || !std::filesystem::exists(file, error)) return std::nullopt;
  const auto store = outbound::open_sqlite_store(file, outbound::Access::read);
  if (!store) {
    if (store.error().fault == Fault::permission) return std::nullopt;
    return std::unexpected(store.error());
  }
  outbound::Summary summary;
  const Day today = to_day(now);
  TRY((*store)->read(
      {.period = {.since = today - delivery_days, .until = today}, .domain = domain, .segments = {}},
      [](const std::set<std::string>&) { return Result<void>(); },
      [&](const outbound::PolicyOfDay& of, const outbound::PolicyCount& count) -> Result<void> {
        summary.add(of, count);
        return {};
      }));
  if (summary.total().all() == 0) return std::nullopt;
  return summary;
}

std::string describe_deliveries(const outbound::Summary& deliveries) {
  const outbound::Figures& total = deliveries.total();
  std::string text = fmt::format("{} in {} days, the last on {}", counted(total.all(), "session"),
                                 delivery_days.count(), to_string(total.last.value_or(Day())));
  if (total.failed == 0) return text + "; none failed";
  text += fmt::format("; {} failed", total.failed);
  std::string types;
  for (const auto& [type, f] :
       outbound::worst_first(deliveries.by(outbound::GroupBy::result_type), max_types))
    types += fmt::format("{}{} ({})", types.empty() ? ": " : ", ", printable(type, 100), f.failed);
  text += types;
  if (total.failed_in_testing > 0)
    text += fmt::format("; with mode enforce, {} would have been deferred", total.failed_in_testing);
  return text;
}

}  // namespace starttls::listtool
