#include "base/console.h"
#include "base/text.h"
#include "command/command_line.h"
#include "json/json_text.h"
#include "report/commands.h"
#include "report/sending.h"
#include "report/tables.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {
namespace {

using tlsrptdb::Delivery;
using tlsrptdb::DeliveryState;

std::string in_words(const std::vector<Delivery>& deliveries) {
  if (deliveries.empty()) return "No report was sent or is to be sent.\n";
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
  return in_columns(table, output_width()) + reasons;
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

}  // namespace

int status_of(const SendingOutcome& outcome) {
  if (outcome.given_up > 0) return 1;
  return outcome.waiting > 0 ? static_cast<int>(Fault::temporary) : 0;
}

void add_queue_command(CLI::App& app, QueueOptions& options) {
  auto* command = app.add_subcommand("queue", "Self reports that were sent, or are to be sent");
  command->add_flag("--deliver", options.deliver, "Send those that are due, and say only what fails");
  command->footer("Example:\n  tlsrpt-report queue");
}

Result<int> run_queue(const QueueOptions& options, const Surroundings& surroundings) {
  if (options.deliver) {
    Lookup lookup(surroundings);
    auto sending = Sending::begin(surroundings, lookup);
    if (!sending) return std::unexpected(sending.error());
    const auto outcome = sending->deliver();
    if (!outcome) return std::unexpected(outcome.error());
    return status_of(*outcome);
  }
  auto queue = tlsrptdb::DeliveryQueue::open(tlsrptdb::report_file(surroundings.configuration.state_dir),
                                             store::Access::read);
  if (!queue) return std::unexpected(queue.error());
  const auto deliveries = queue->all();
  if (!deliveries) return std::unexpected(deliveries.error());
  auto printed = print(surroundings.json ? to_json(*deliveries) : in_words(*deliveries));
  if (!printed) return std::unexpected(printed.error());
  return 0;
}

}  // namespace starttls::report
