#include <optional>
#include <string>
#include <vector>

#include "base/console.h"
#include "base/text.h"
#include "base/try.h"
#include "json/json_text.h"
#include "report/claimed_days.h"
#include "report/commands.h"
#include "report/sending.h"
#include "report/tables.h"
#include "tlsrptdb/report_store.h"
#include "tlsrptdb/suppressions.h"

namespace starttls::report {
namespace {

using tlsrptdb::Delivery;
using tlsrptdb::DeliveryState;
using tlsrptdb::Suppression;

struct Values {
  bool send = false;
  std::optional<std::string> resumed;
};

void declare(Options& options, Values& values) {
  const auto send = options.flag("--send", values.send, "Send the reports that are due; print only failures");
  options
      .option("--resume", values.resumed, "ADDRESS",
              "Send reports to this address again, although mail came back")
      .excludes(send);
}

std::string render(const std::vector<Suppression>& suppressions) {
  if (suppressions.empty()) return "";
  Table table{.head = {"Mail came back from", "No reports until"}, .rows = {}};
  std::string reasons;
  for (const Suppression& one : suppressions) {
    const std::string address = printable(one.address, 300);
    table.rows.push_back({address, to_rfc3339(one.since + tlsrptdb::suppression_time)});
    reasons += "\n" + paragraph(address + ": ", one.reason);  // escaped when it was stored
  }
  return "\n" + to_columns(table, output_width()) + reasons;
}

std::string render(const std::vector<Delivery>& deliveries) {
  if (deliveries.empty()) return "No report was sent or waits to be sent.\n";
  Table table{.head = {"Policy domain, destination", "State", "Tries", "Next try"}, .rows = {}};
  std::string reasons;
  for (const Delivery& one : deliveries) {
    const bool waits = one.state == DeliveryState::waiting;
    const std::string destination =
        one.destination.empty() ? "to be looked up" : printable(one.destination, 300);
    table.rows.push_back({fmt::format("{}, {}", printable(one.policy_domain, 200), destination),
                          std::string(to_string(one.state)), std::to_string(one.tries),
                          waits ? to_rfc3339(one.next_try) : "-"});
    if (!one.reason.empty())
      reasons += "\n" + paragraph(printable(one.policy_domain, 200) + ": ", printable(one.reason));
  }
  return to_columns(table, output_width()) + reasons;
}

std::string to_json(const std::vector<Delivery>& deliveries, const std::vector<Suppression>& suppressions) {
  json::JsonText json;
  json.begin_object();
  json.key("deliveries");
  json.begin_array();
  for (const Delivery& one : deliveries) {
    json.begin_object();
    json.member("report_id", one.report_id);
    json.member("policy_domain", one.policy_domain);
    json.member("destination", one.destination);
    json.member("file_name", one.file_name);
    json.member("state", to_string(one.state));
    json.member("created", to_rfc3339(one.created));
    json.member("next_try", to_rfc3339(one.next_try));
    json.member("tries", one.tries);
    json.member("reason", one.reason);
    json.end_object();
  }
  json.end_array();
  json.array("suppressed", [&] {
    for (const Suppression& one : suppressions) {
      json.object([&] {
        json.member("address", one.address);
        json.member("since", to_rfc3339(one.since));
        json.member("until", to_rfc3339(one.since + tlsrptdb::suppression_time));
        json.member("reason", one.reason);
      });
    }
  });
  json.end_object();
  return json.take();
}

Result<int> resume(const std::string& address, const Context& context) {
  const auto file = tlsrptdb::report_file(context.configuration.state_dir);
  auto known = TRY(tlsrptdb::Suppressions::open(file, store::Access::read));
  bool was_suppressed = false;
  if (!TRY(known.active(Time{})).empty()) {
    auto suppressions = TRY(tlsrptdb::Suppressions::open(file, store::Access::read_write));
    was_suppressed = TRY(suppressions.remove(address));
  }
  TRY(print(fmt::format("{}: {}\n", printable(address),
                        was_suppressed ? "gets reports again" : "no mail from there came back")));
  return was_suppressed ? 0 : 1;
}

// The database is asked only if something is held. If it does not answer, the other reports are sent all the same.
Result<void> settle_held(ReportSender& sender, const Context& context) {
  if (TRY(sender.held_days()).empty()) return {};
  const auto claims = TRY(claims_of(context));
  const auto settled = settle(sender, claims);
  if (!settled) command::warn(context, settled.error().message);
  return {};
}

Result<int> run(const Values& values, const Context& context) {
  if (values.send) {
    Lookup lookup(context);
    ReportSender sender = TRY(ReportSender::open(context, lookup));
    TRY(settle_held(sender, context));
    return exit_status(TRY(sender.deliver()));
  }
  if (values.resumed) return resume(*values.resumed, context);
  const auto file = tlsrptdb::report_file(context.configuration.state_dir);
  auto queue = TRY(tlsrptdb::DeliveryQueue::open(file, store::Access::read));
  auto suppressions = TRY(tlsrptdb::Suppressions::open(file, store::Access::read));
  const std::vector<Delivery> deliveries = TRY(queue.all());
  const std::vector<Suppression> suppressed = TRY(suppressions.active(context.clock()));
  TRY(print(context.json ? to_json(deliveries, suppressed) : render(deliveries) + render(suppressed)));
  return 0;
}

}  // namespace

Command queue_command() {
  return make_command({.name = "queue",
                       .summary = "List the reports that were sent or wait, or send those that are due",
                       .example = "tlsrpt-report queue"},
                      declare, run);
}

}  // namespace starttls::report
