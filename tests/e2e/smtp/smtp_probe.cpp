// Probes mail servers with one smtp::Prober and prints the facts of each, for the tests beside it:
//
//   smtp_probe [--private] [--inject] [OPTIONS] < REQUESTS
//
// With --accepted VERSION, everything that the servers accept of that version is found instead.
//
// A line of REQUESTS is "ADDRESS PORT [SNI]". Of each a line of JSON is written once it is there, and last
// one of all together: what they cost of time, CPU and memory. With --ca, chains are verified.
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "certificate/chain.h"
#include "smtp/accepted.h"
#include "smtp/prober.h"

using namespace starttls;
using starttls::event::Loop;
using starttls::event::Task;
using starttls::event::when_all;

namespace {

struct Options {
  smtp::ProberSettings settings;
  smtp::ProbeRequest common;
  std::string min_version = "TLSv1.2";
  std::string max_version = "TLSv1.3";
  std::string accepted;  // a version
  std::string ca_file;
  std::optional<certificate::Authorities> authorities;
};

smtp::TlsVersion version_of(const std::string& word) {
  for (const auto version : {smtp::TlsVersion::tls1_0, smtp::TlsVersion::tls1_1, smtp::TlsVersion::tls1_2}) {
    if (to_string(version) == word) return version;
  }
  return smtp::TlsVersion::tls1_3;
}

void define(CLI::App& app, Options& options) {
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  const auto milliseconds = [&app](const char* name, std::chrono::milliseconds& value) {
    app.add_option_function<long>(name, [&value](long count) { value = std::chrono::milliseconds(count); });
  };
  smtp::ProbeLimits& limits = options.settings.limits;
  smtp::ScheduleLimits& schedule = options.settings.schedule;
  app.add_flag("--private", options.settings.private_addresses);
  app.add_flag("--inject", options.common.inject);
  app.add_flag("--offer-compression", options.common.offer_compression);
  app.add_option("--ehlo", options.common.ehlo_name);
  app.add_option("--min", options.min_version);
  app.add_option("--max", options.max_version);
  app.add_option("--suites", options.common.suites);
  app.add_option("--groups", options.common.groups);
  app.add_option("--accepted", options.accepted);
  app.add_option("--ca", options.ca_file);
  milliseconds("--whole", limits.whole);
  milliseconds("--connect", limits.connect);
  milliseconds("--silence", limits.silence);
  milliseconds("--handshake", limits.handshake);
  milliseconds("--quit", limits.quit);
  milliseconds("--address-interval", schedule.address_interval);
  app.add_option("--max-per-address", schedule.max_per_address);
  app.add_option("--max-concurrent", schedule.max_concurrent);
}

std::vector<smtp::ProbeRequest> read_requests(std::istream& in, const smtp::ProbeRequest& common) {
  std::vector<smtp::ProbeRequest> requests;
  for (std::string line; std::getline(in, line);) {
    smtp::ProbeRequest& request = requests.emplace_back(common);
    std::istringstream words(line);
    std::string address;
    words >> address >> request.port >> request.sni;
    request.address = IpAddress::parse(address).value_or(IpAddress());
  }
  return requests;
}

class Printer {
 public:
  void print(const smtp::ProbeFacts& facts, const std::optional<certificate::Authorities>& authorities) {
    json_.StartObject();
    text("address", facts.address.text());
    text("sni", facts.sni);
    text("reached", to_string(facts.reached));
    text("stop", to_string(facts.stop));
    text("reason", facts.reason);
    flag("is_skipped", facts.is_skipped);
    reply("greeting", facts.greeting);
    reply("ehlo", facts.ehlo);
    reply("starttls", facts.starttls);
    reply("second_ehlo", facts.second_ehlo);
    reply("quit", facts.quit);
    texts("extensions", facts.extensions);
    flag("offers_starttls", facts.offers_starttls);
    flag("offers_starttls_inside_tls", facts.offers_starttls_inside_tls);
    flag("accepts_injected_command", facts.accepts_injected_command);
    if (facts.accepts_compression) flag("accepts_compression", *facts.accepts_compression);
    text("tls_error", facts.tls_error);
    number("connect_time", facts.connect_time.count());
    number("greeting_time", facts.greeting_time.count());
    number("handshake_time", facts.handshake_time.count());
    number("total_time", facts.total_time.count());
    if (facts.tls) handshake(*facts.tls, authorities);
    json_.EndObject();
    fmt::print("{}\n", line_.GetString());
  }

 private:
  void handshake(const smtp::Handshake& tls, const std::optional<certificate::Authorities>& authorities) {
    json_.Key("tls");
    json_.StartObject();
    text("version", tls.version);
    text("suite", tls.suite);
    text("group", tls.group);
    number("group_bits", tls.group_bits);
    flag("secure_renegotiation", tls.secure_renegotiation);
    flag("extended_master_secret", tls.extended_master_secret);
    text("signature_hash", tls.signature_hash);
    flag("chain_is_cut", tls.chain_is_cut);
    json_.Key("chain");
    json_.StartArray();
    for (const certificate::Certificate& each : tls.chain) certificate(each);
    json_.EndArray();
    if (authorities) {
      const Time now =
          std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
      text("chain_fault", to_string(verify(tls.chain, *authorities, now).fault));
    }
    json_.EndObject();
  }
  void certificate(const certificate::Certificate& certificate) {
    json_.StartObject();
    text("subject", certificate.subject);
    text("issuer", certificate.issuer);
    texts("names", certificate.names);
    flag("has_bad_name", certificate.has_bad_name);
    text("key", to_string(certificate.key));
    number("key_bits", certificate.key_bits);
    json_.EndObject();
  }
  void reply(const char* name, const std::optional<smtp::Reply>& reply) {
    if (!reply) return;
    json_.Key(name);
    json_.StartObject();
    number("code", reply->code);
    text("enhanced", reply->enhanced);
    texts("lines", reply->lines);
    json_.EndObject();
  }
  void texts(const char* name, const std::vector<std::string>& values) {
    json_.Key(name);
    json_.StartArray();
    for (const std::string& value : values) string(value);
    json_.EndArray();
  }
  void text(const char* name, std::string_view value) {
    json_.Key(name);
    string(value);
  }
  void string(std::string_view value) {
    json_.String(value.data(), static_cast<rapidjson::SizeType>(value.size()));
  }
  void flag(const char* name, bool value) {
    json_.Key(name);
    json_.Bool(value);
  }
  void number(const char* name, std::int64_t value) {
    json_.Key(name);
    json_.Int64(value);
  }

  rapidjson::StringBuffer line_;
  rapidjson::Writer<rapidjson::StringBuffer> json_{line_};
};

std::string quoted(const smtp::Accepted& accepted) {
  std::string all;
  for (const std::string& name : accepted.names) all += fmt::format("{}\"{}\"", all.empty() ? "" : ",", name);
  return all;
}

Task<bool> find_accepted(smtp::Prober& prober, const smtp::ProbeRequest& request, const Options& options) {
  const auto probe = [&prober](smtp::ProbeRequest each) { return prober.probe(std::move(each)); };
  const smtp::TlsVersion version = version_of(options.accepted);
  const smtp::Accepted suites = co_await find_accepted_suites(probe, request, version);
  const smtp::Accepted groups = co_await find_accepted_groups(probe, request, version);
  fmt::print(R"({{"address":"{}","suites":[{}],"groups":[{}],"stops":["{}","{}"]}})"
             "\n",
             request.address.text(), quoted(suites), quoted(groups), to_string(suites.stop),
             to_string(groups.stop));
  co_return suites.stop == smtp::Stop::none;
}

Task<bool> probe(smtp::Prober& prober, const smtp::ProbeRequest& request, const Options& options) {
  if (!options.accepted.empty()) {
    const bool found = co_await find_accepted(prober, request, options);
    co_return found;
  }
  const smtp::ProbeFacts facts = co_await prober.probe(request);
  Printer().print(facts, options.authorities);
  co_return facts.stop == smtp::Stop::none;
}

Task<bool> probe_all(smtp::Prober& prober, const std::vector<smtp::ProbeRequest>& requests,
                     const Options& options) {
  std::vector<Task<bool>> tasks;
  for (const smtp::ProbeRequest& request : requests) tasks.push_back(probe(prober, request, options));
  co_await when_all(std::move(tasks));
  co_return true;
}

void print_cost(std::chrono::steady_clock::time_point begin) {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
  fmt::print("{{\"seconds\":{:.4f},\"cpu_seconds\":{:.4f},\"most_memory_kib\":{}}}\n", time.count(),
             seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss);
}

}  // namespace

int main(int argc, char** argv) {
  const auto begin = std::chrono::steady_clock::now();
  CLI::App app("Probe mail servers");
  Options options;
  options.common.ehlo_name = "probe.client.test";
  define(app, options);
  CLI11_PARSE(app, argc, argv);
  options.common.min_version = version_of(options.min_version);
  options.common.max_version = version_of(options.max_version);
  if (!options.ca_file.empty()) {
    auto loaded = certificate::Authorities::load(options.ca_file);
    if (!loaded) {
      fmt::print(stderr, "{}\n", loaded.error().message);
      return loaded.error().exit_status();
    }
    options.authorities = *std::move(loaded);
  }
  const auto requests = read_requests(std::cin, options.common);
  Loop loop;
  smtp::Prober prober(loop, options.settings);
  loop.run_until_complete(probe_all(prober, requests, options));
  print_cost(begin);
  return 0;
}
