#include "json/json_text.h"
#include "listingpages/pages.h"

namespace starttls::listingpages {
namespace {

using json::JsonText;
using listing::DeliveryReport;
using listing::Entry;
using listing::Transition;

// The members that both documents have.
void write_members(JsonText& json, const Entry& entry) {
  json.member("domain", entry.domain.str());
  json.member("state", to_string(entry.state));
  json.member("since", to_rfc3339(entry.since));
  json.member("consent", to_string(entry.consent));
  json.member("mxs", entry.mxs);
}

void write(JsonText& json, const Transition& transition) {
  json.object([&] {
    json.member("time", to_rfc3339(transition.time));
    json.member("from", to_string(transition.from));
    json.member("to", to_string(transition.to));
    json.member("reason", to_string(transition.reason));
    json.member("evidence", transition.evidence);
  });
}

void write(JsonText& json, const DeliveryReport& report) {
  json.object([&] {
    json.member("day", to_string(report.day));
    json.member("reporter", report.reporter);
    json.member("successful", report.successful);
    json.member("failed", report.failed);
    json.object("failures", [&] {
      for (const auto& [type, sessions] : report.failures) json.member(type, sessions);
    });
  });
}

}  // namespace

std::string domain_file(const DomainName& domain) {
  return "domains/" + domain.str() + ".json";
}

std::string domain_json(const Entry& entry, std::span<const std::string> faults,
                        std::span<const Transition> transitions, std::span<const DeliveryReport> reports) {
  JsonText json;
  json.object([&] {
    write_members(json, entry);
    if (entry.manual) {
      json.object("manual", [&] {
        json.member("reason", entry.manual->reason);
        json.member("ends", to_rfc3339(entry.manual->ends));
      });
    }
    json.member("held", entry.is_held);
    json.member("sound_days", entry.sound_days);
    if (entry.observed) json.member("observed", to_rfc3339(*entry.observed));
    json.member("faults", faults);
    json.array("history", [&] {
      for (const Transition& transition : transitions) write(json, transition);
    });
    if (!reports.empty()) {
      json.array("reports", [&] {
        for (const DeliveryReport& report : reports) write(json, report);
      });
    }
  });
  return json.take();
}

std::string entries_json(const ListAbout& about, std::span<const Entry> entries) {
  JsonText json;
  json.object([&] {
    json.member("list", about.name);
    json.member("author", about.author);
    json.member("url", about.url + about.file);
    json.member("edition", about.edition);
    json.member("published", to_rfc3339(about.published));
    json.member("expires", to_rfc3339(about.expires));
    json.array("domains", [&] {
      for (const Entry& entry : entries) json.object([&] { write_members(json, entry); });
    });
  });
  return json.take();
}

}  // namespace starttls::listingpages
