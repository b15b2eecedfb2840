#include "base/console.h"
#include "base/text.h"
#include "base/try.h"
#include "json/json_text.h"
#include "report/commands.h"
#include "report/sending.h"
#include "report/tables.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {
namespace {

using tlsrptdb::Delivery;
using tlsrptdb::DeliveryState;

struct Values {
  bool send = false;
};

void declare(Options& options, Values& values) {
  options.flag("--send", values.send, "Send the reports that are due; print only failures");
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

std::string to_json(const std::vector<Delivery>& deliveries) {
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
  json.end_object();
  return json.take();
}

Result<int> run(const Values& values, const Context& context) {
  if (values.send) {
    Lookup lookup(context);
    ReportSender sender = TRY(ReportSender::open(context, lookup));
    return exit_status(TRY(sender.deliver()));
  }
  auto queue = TRY(tlsrptdb::DeliveryQueue::open(tlsrptdb::report_file(context.configuration.state_dir),
                                                 store::Access::read));
  const std::vector<Delivery> deliveries = TRY(queue.all());
  TRY(print(context.json ? to_json(deliveries) : render(deliveries)));
  return 0;
}

}  // namespace

Command queue_command() {
  return make_command({.name = "queue",
                       .summary = "List the self reports that were sent or wait, or send those that are due",
                       .example = "tlsrpt-report queue"},
                      declare, run);
}

}  // namespace starttls::report
