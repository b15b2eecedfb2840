// Asks the questions that it is given and prints each answer as a line of JSON, for the tests in this directory:
//
//   dns_probe [SETTINGS] (NAME TYPE)...     the answers, in the order of the questions
//   dns_probe [SETTINGS] --dane DOMAIN...                      the verdicts
//
// All questions of a line are asked at the same time. With --lines they come on standard input, a line at a
// time: each line is asked once the one before has been answered.
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>

#include <CLI/CLI.hpp>
#include <array>
#include <cstdio>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/log.h"
#include "discovery/dane_lookup.h"
#include "dns/resolver.h"
#include "policy/decision.h"

using namespace starttls;

namespace {

using Json = rapidjson::Writer<rapidjson::StringBuffer>;

struct Options {
  dns::Settings settings;
  std::vector<std::string> words;
  bool dane = false;
  bool lines = false;
};

const std::map<std::string, dns::Type> types{{"A", dns::Type::a},         {"MX", dns::Type::mx},
                                             {"TXT", dns::Type::txt},     {"AAAA", dns::Type::aaaa},
                                             {"CNAME", dns::Type::cname}, {"TLSA", dns::Type::tlsa}};

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return text;
}

void put(Json& json, const char* key, std::string_view value) {
  json.Key(key);
  json.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
}

template <class T, class Text>
void put_all(Json& json, const char* key, const std::vector<T>& values, Text text) {
  json.Key(key);
  json.StartArray();
  for (const T& value : values) {
    const std::string shown = text(value);
    json.String(shown.data(), static_cast<rapidjson::SizeType>(shown.size()));
  }
  json.EndArray();
}

void print(const rapidjson::StringBuffer& buffer) {
  fmt::print("{}\n", std::string_view(buffer.GetString(), buffer.GetSize()));
  std::fflush(stdout);
}

void show(const dns::Answer& answer) {
  constexpr std::array statuses{"found", "no_data", "no_name", "failed"};
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  put(json, "status", statuses.at(static_cast<std::size_t>(answer.status)));
  json.Key("secure");
  json.Bool(answer.dnssec == dns::Dnssec::secure);
  json.Key("bogus");
  json.Bool(answer.dnssec == dns::Dnssec::bogus);
  put(json, "canonical_name", answer.canonical_name);
  put_all(json, "texts", answer.texts, hex);
  put_all(json, "mxs", answer.mxs,
          [](const dns::Mx& mx) { return fmt::format("{} {}", mx.preference, mx.host); });
  put_all(json, "addresses", answer.addresses, [](const std::string& address) { return address; });
  put_all(json, "tlsas", answer.tlsas, [](const dns::Tlsa& tlsa) {
    return fmt::format("{} {} {} {}", tlsa.usage, tlsa.selector, tlsa.matching_type, hex(tlsa.data));
  });
  json.Key("ttl");
  json.Int64(answer.ttl.count());
  put(json, "reason", answer.reason);
  json.EndObject();
  print(buffer);
}

void show(const dane::DaneResult& verdict) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.StartObject();
  put(json, "status", dane::to_string(verdict.status));
  const policy::Mode mode = policy::decide({.dane = verdict}).mode;
  put(json, "level", mode == policy::Mode::none ? "" : to_string(mode));
  json.Key("hosts");
  json.StartObject();
  for (const dane::Host& host : verdict.hosts) {
    json.Key(host.name.data(), static_cast<rapidjson::SizeType>(host.name.size()));
    json.StartArray();
    const std::string_view tlsa = dane::to_string(host.tlsa);
    json.String(tlsa.data(), static_cast<rapidjson::SizeType>(tlsa.size()));
    json.String(host.reason.data(), static_cast<rapidjson::SizeType>(host.reason.size()));
    json.EndArray();
  }
  json.EndObject();
  json.Key("ttl");
  json.Int64(verdict.ttl.count());
  put(json, "reason", verdict.reason);
  json.EndObject();
  print(buffer);
}

void define(CLI::App& app, Options& options) {
  dns::Settings& settings = options.settings;
  app.add_option("WORD", options.words);
  app.add_flag("--dane", options.dane);
  app.add_flag("--lines", options.lines);
  app.add_option("--server", settings.servers)->allow_extra_args(false);
  app.add_option("--resolv-conf", settings.resolv_conf);
  app.add_flag("!--no-dnssec", settings.dnssec);
  app.add_option("--trust-anchor", settings.trust_anchor);
  app.add_option("--most-questions", settings.max_questions);
  app.add_option_function<long>(
      "--timeout", [&settings](long count) { settings.timeout = std::chrono::milliseconds(count); });
  app.add_option_function<std::vector<std::string>>(
         "--stub",
         [&settings](const std::vector<std::string>& stubs) {
           for (const std::string& stub : stubs) {  // ZONE=SERVER
             const std::size_t middle = stub.find('=');
             settings.stub_zones.push_back({stub.substr(0, middle), {stub.substr(middle + 1)}});
           }
         })
      ->allow_extra_args(false);
}

event::Task<bool> ask(dns::Resolver& resolver, std::vector<std::string> words) {
  std::vector<event::Task<dns::Answer>> questions;
  for (std::size_t i = 0; i + 1 < words.size(); i += 2)
    questions.push_back(resolver.ask(words[i], types.at(words[i + 1])));
  const std::vector<dns::Answer> answers = co_await event::when_all(std::move(questions));
  for (const dns::Answer& answer : answers) show(answer);
  co_return true;
}

event::Task<bool> examine(dns::Resolver& resolver, std::vector<std::string> domains) {
  std::vector<event::Task<dane::DaneResult>> examinations;
  for (const std::string& domain : domains)
    examinations.push_back(discovery::look_up_dane(resolver, DomainName::parse(domain).value()));
  const std::vector<dane::DaneResult> verdicts = co_await event::when_all(std::move(examinations));
  for (const dane::DaneResult& verdict : verdicts) show(verdict);
  co_return true;
}

void ask_all(event::Loop& loop, dns::Resolver& resolver, const Options& options,
             const std::vector<std::string>& words) {
  loop.run_until_complete(options.dane ? examine(resolver, words) : ask(resolver, words));
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Asks the DNS for a test");
  Options options;
  define(app, options);
  CLI11_PARSE(app, argc, argv);
  start_log("dns_probe", LogTarget::standard_error);
  event::Loop loop;
  const auto resolver = dns::Resolver::create(loop, options.settings);
  if (!resolver) {
    fmt::print(stderr, "{}\n", resolver.error().message);
    return resolver.error().exit_status();
  }
  if (!options.lines) {
    ask_all(loop, **resolver, options, options.words);
    return 0;
  }
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream text(line);
    ask_all(loop, **resolver, options, {std::istream_iterator<std::string>(text), {}});
  }
  return 0;
}
