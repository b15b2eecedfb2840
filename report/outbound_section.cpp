// The section of the page about our own mail.
#include "html/page.h"
#include "html/table.h"
#include "html/text.h"
#include "report/page_sections.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

std::string group_table(const std::string& caption, const std::string& name, const outbound::Groups& groups) {
  html::LongTable table(caption, {{name}, {"Sessions"}, {"Failed"}, {"Failed %"}, {"Failed in testing"}});
  for (const auto& [group, f] : outbound::worst_first(groups, html::max_table_rows)) {
    table.add(html::name(group), {html::grouped_digits(f.all()), html::grouped_digits(f.failed),
                                  share_html(f.failed, f.all()), html::grouped_digits(f.failed_in_testing)});
  }
  return table.html(groups.size(), to_lower(name));
}

std::string failure_table(const std::string& caption, const std::string& name,
                          const outbound::Groups& groups) {
  html::LongTable table(caption, {{name}, {"Failed"}, {"Failed in testing"}, {"Last day"}});
  for (const auto& [group, f] : outbound::worst_first(groups, html::max_table_rows)) {
    table.add(html::name(group), {html::grouped_digits(f.failed), html::grouped_digits(f.failed_in_testing),
                                  "<time>" + (f.last_failed ? to_string(*f.last_failed) : "") + "</time>"});
  }
  return table.html(groups.size(), to_lower(name));
}

}  // namespace

std::string outbound_section(const PageContent& content) {
  if (!content.outbound || content.outbound->total().all() == 0) return {};
  const outbound::Summary& summary = *content.outbound;
  const outbound::Figures& total = summary.total();
  std::string note =
      fmt::format("TLS handshakes of our own mail with other mail servers: {} of {} failed.",
                  html::grouped_digits(total.failed), html::grouped_count(total.all(), "session"));
  if (total.failed_in_testing > 0) {
    note += fmt::format(" With mode enforce instead of testing, mail would have been deferred: {} of these.",
                        html::grouped_digits(total.failed_in_testing));
  }
  std::string tables = group_table("By policy", "Policy", summary.by(outbound::GroupBy::policy));
  if (!summary.by(outbound::GroupBy::result_type).empty())
    tables += failure_table("By result type", "Result type", summary.by(outbound::GroupBy::result_type));
  tables += group_table("By recipient domain, those with the most failures first", "Recipient domain",
                        summary.by(outbound::GroupBy::domain));
  if (!summary.by(outbound::GroupBy::mx).empty())
    tables += failure_table("Failures by MX host", "MX host", summary.by(outbound::GroupBy::mx));
  return html::section("Our own mail", note, tables);
}

}  // namespace starttls::report
