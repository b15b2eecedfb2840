// Fetches pages at the same time with one http::Fetcher and prints the result of each, for test_fetcher.py:
//
//   http_fetch_many [--ca FILE] [--port PORT] [--private] [LIMITS] < REQUESTS
//
// A line of REQUESTS is "HOST PATH ADDRESS...". Of each a line of JSON is written once it is there, and last
// one of all together: what they cost of time, CPU and memory.
#include <rapidjson/stringbuffer.h>
#include <rapidjson/writer.h>
#include <sys/resource.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <iostream>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include "http/fetcher.h"

using namespace starttls;
using starttls::event::Loop;
using starttls::event::Task;
using starttls::event::when_all;

namespace {

using Writer = rapidjson::Writer<rapidjson::StringBuffer>;

void define(CLI::App& app, http::FetcherSettings& settings) {
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  const auto milliseconds = [&app](const char* name, std::chrono::milliseconds& value) {
    app.add_option_function<long>(name, [&value](long count) { value = std::chrono::milliseconds(count); });
  };
  app.add_option("--ca", settings.ca_file);
  app.add_option("--port", settings.port);
  app.add_flag("--private", settings.private_addresses);
  app.add_option("--bytes", settings.bytes);
  app.add_option("--most-at-once", settings.max_concurrent);
  app.add_option("--most-per-address", settings.max_per_address);
  milliseconds("--total", settings.total);
  milliseconds("--connect", settings.connect);
}

std::vector<http::PageRequest> read_requests(std::istream& in) {
  std::vector<http::PageRequest> requests;
  for (std::string line; std::getline(in, line);) {
    http::PageRequest& request = requests.emplace_back();
    std::istringstream words(line);
    words >> request.host >> request.path;
    for (std::string address; words >> address;) request.addresses.push_back(address);
  }
  return requests;
}

const char* name_of(http::FetchError error) {
  switch (error) {
    case http::FetchError::none:
      return "none";
    case http::FetchError::address:
      return "address";
    case http::FetchError::connection:
      return "connection";
    case http::FetchError::tls:
      return "tls";
    case http::FetchError::certificate:
      return "certificate";
    case http::FetchError::redirect:
      return "redirect";
    case http::FetchError::status:
      return "status";
    case http::FetchError::too_large:
      return "too_large";
    case http::FetchError::timeout:
      return "timeout";
    case http::FetchError::busy:
      return "busy";
  }
  return "?";
}

void print(const http::PageRequest& request, const http::Page& page) {
  rapidjson::StringBuffer line;
  Writer json(line);
  const auto text = [&](const char* name, const std::string& value) {
    json.Key(name);
    json.String(value.c_str(), static_cast<rapidjson::SizeType>(value.size()));
  };
  json.StartObject();
  text("host", request.host);
  text("path", request.path);
  text("error", name_of(page.error));
  text("reason", page.reason);
  json.Key("status");
  json.Int(page.status);
  text("content_type", page.content_type);
  text("body", page.body);
  json.EndObject();
  fmt::print("{}\n", line.GetString());
}

// Whether there is a page: 1 or 0.
Task<int> fetch(http::Fetcher& fetcher, const http::PageRequest& request) {
  const http::Page page = co_await fetcher.get(request);
  print(request, page);
  co_return page.error == http::FetchError::none ? 1 : 0;
}

Task<int> fetch_all(http::Fetcher& fetcher, const std::vector<http::PageRequest>& requests) {
  std::vector<Task<int>> tasks;
  tasks.reserve(requests.size());
  for (const http::PageRequest& request : requests) tasks.push_back(fetch(fetcher, request));
  const std::vector<int> got = co_await when_all(std::move(tasks));
  co_return std::accumulate(got.begin(), got.end(), 0);
}

struct Cost {
  std::chrono::steady_clock::time_point now = std::chrono::steady_clock::now();
  double cpu = 0;        // seconds
  long most_memory = 0;  // resident, KiB
};

Cost cost_so_far() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return {.cpu = seconds(usage.ru_utime) + seconds(usage.ru_stime), .most_memory = usage.ru_maxrss};
}

void print_cost(int got, const Cost& before, const Cost& after) {
  const std::chrono::duration<double> seconds = after.now - before.now;
  fmt::print("{{\"pages\":{},\"seconds\":{:.4f},\"cpu_seconds\":{:.4f},\"most_memory_kib\":{}}}\n", got,
             seconds.count(), after.cpu - before.cpu, after.most_memory);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Fetches pages for a test");
  http::FetcherSettings settings;
  define(app, settings);
  CLI11_PARSE(app, argc, argv);
  Loop loop;
  const auto fetcher = http::Fetcher::create(loop, settings);
  if (!fetcher) {
    fmt::print(stderr, "{}\n", fetcher.error().message);
    return fetcher.error().exit_status();
  }
  const std::vector<http::PageRequest> requests = read_requests(std::cin);
  const Cost before = cost_so_far();
  const int got = loop.run_until_complete(fetch_all(**fetcher, requests));
  print_cost(got, before, cost_so_far());
}
