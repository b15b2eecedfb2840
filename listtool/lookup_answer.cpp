#include "listtool/lookup_answer.h"

#include <fmt/ranges.h>

#include "base/text.h"
#include "json/json_text.h"
#include "listtool/deliveries.h"

namespace starttls::listtool {
namespace {

std::string source_name(const policy::Decision& policy) {
  switch (policy.source) {
    case policy::Source::none:
      break;
    case policy::Source::overrides:
      return "override";
    case policy::Source::dane:
      return "dane";
    case policy::Source::mta_sts:
      return "mta-sts";
    case policy::Source::list:
      return "list:" + policy.list;
  }
  return "none";
}

void text_or_null(json::JsonText& json, std::string_view key, const std::optional<std::string>& text) {
  json.key(key);
  text ? json.text(*text) : json.null();
}

void to_json(json::JsonText& json, const std::optional<dane::DaneResult>& dane) {
  json.key("dane");
  if (!dane) return json.null();
  json.begin_object();
  json.member("status", dane::to_string(dane->status));
  json.member("reason", dane->reason);
  json.key("hosts");
  json.begin_array();
  for (const dane::Host& host : dane->hosts) {
    json.begin_object();
    json.member("name", host.name);
    json.member("tlsa", dane::to_string(host.tlsa));
    if (!host.reason.empty()) json.member("reason", host.reason);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void to_json(json::JsonText& json, const std::optional<mtasts::FetchedPolicy>& fetched) {
  json.key("mta_sts");
  if (!fetched) return json.null();
  json.begin_object();
  json.member("id", fetched->id);
  json.member("mode", mtasts::to_string(fetched->policy.mode));
  json.key("mx");
  json.begin_array();
  for (const auto& mx : fetched->policy.mx) json.text(mx.str());
  json.end_array();
  json.member("fetched", to_rfc3339(fetched->fetched));
  json.member("expires", to_rfc3339(fetched->expires()));
  json.end_object();
}

void to_json(json::JsonText& json, const std::optional<outbound::Summary>& deliveries) {
  json.key("deliveries");
  if (!deliveries) return json.null();
  const outbound::Figures& total = deliveries->total();
  json.object([&] {
    json.member("days", static_cast<std::uint64_t>(delivery_days.count()));
    json.member("sessions", total.all());
    json.member("failed", total.failed);
    json.member("failed_in_testing", total.failed_in_testing);
    text_or_null(json, "last_day", total.last.transform([](Day day) { return starttls::to_string(day); }));
    text_or_null(json, "last_failed_day",
                 total.last_failed.transform([](Day day) { return starttls::to_string(day); }));
    json.object("result_types", [&] {
      for (const auto& [type, f] : deliveries->by(outbound::GroupBy::result_type))
        json.member(type, f.failed);
    });
  });
}

void to_json(json::JsonText& json, const LookupAnswer& answer) {
  const policy::Decision& policy = answer.policy;
  json.begin_object();
  json.member("domain", answer.domain);
  json.member("next_hop", answer.next_hop);
  json.member("applies", answer.applies());
  json.member("source", source_name(policy));
  json.key("mode");
  policy.source == policy::Source::none ? json.null() : json.text(policy::to_string(policy.mode));
  json.key("mx");
  json.begin_array();
  for (const auto mx : preload::split_mxs(answer.policy.joined_mxs)) json.text(mx);
  json.end_array();
  text_or_null(json, "expires", policy.expires.transform(to_rfc3339));
  json.key("verified");
  answer.verified ? json.boolean(*answer.verified) : json.null();
  json.member("reason", policy.reason);
  for (const ServerPolicy& one : answer.servers) text_or_null(json, one.server->name, one.policy);
  to_json(json, answer.mta_sts);
  to_json(json, answer.dane);
  to_json(json, answer.deliveries);
  json.end_object();
}

}  // namespace

std::string to_string(const LookupAnswer& answer) {
  std::string text = answer.next_hop + "\n";
  const auto line = [&](std::string_view label, std::string_view value) {
    text += fmt::format("  {:<8} {}\n", label, printable(value, 65536));
  };
  const policy::Decision& policy = answer.policy;
  if (policy.source != policy::Source::none) {
    const std::string until = policy.expires ? ", until " + to_rfc3339(*policy.expires) : "";
    line("policy", fmt::format("{}, from {}{}", policy::to_string(policy.mode), source_name(policy), until));
  } else {
    line("policy", "none");
  }
  if (const auto mxs = preload::split_mxs(answer.policy.joined_mxs); !mxs.empty())
    line("mx", fmt::format("{}", fmt::join(mxs, ", ")));
  for (const ServerPolicy& one : answer.servers) line(one.server->name, one.policy.value_or("nothing"));
  line("reason", policy.reason);
  if (answer.deliveries) line("mail", describe_deliveries(*answer.deliveries));
  return text;
}

std::string to_json(const std::vector<LookupAnswer>& answers) {
  json::JsonText json;
  json.begin_array();
  for (const LookupAnswer& answer : answers) to_json(json, answer);
  json.end_array();
  return json.take();
}

}  // namespace starttls::listtool
