// Fetches URLs one after the other with one http::Client and prints the result of each, for test_fetch.py:
//
//   http_fetch [--ca FILE] [--output FILE] [--etag E] [--last-modified D] [--gzip] [--may-be-missing] [LIMITS] URL...
//
// A line a URL, "name=value" separated by tabs; the exit status is that of the last one.
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "base/file.h"
#include "http/client.h"

using namespace starttls;

namespace {

struct Options {
  std::vector<std::string> urls;
  http::Request request;
  std::string output = "/dev/null";
};

void define(CLI::App& app, Options& options) {
  http::Limits& limits = options.request.limits;
  const auto milliseconds = [&app](const char* name, std::chrono::milliseconds& value) {
    app.add_option_function<long>(name, [&value](long count) { value = std::chrono::milliseconds(count); });
  };
  app.add_option("URL", options.urls)->required();
  app.add_option("--ca", options.request.ca_file);
  app.add_option("--output", options.output);
  app.add_option("--etag", options.request.validators.etag);
  app.add_option("--last-modified", options.request.validators.last_modified);
  app.add_flag("--gzip", options.request.gzip);
  app.add_flag("--may-be-missing", options.request.may_be_missing);
  app.add_option("--bytes", limits.bytes);
  app.add_option("--redirects", limits.redirects);
  app.add_option("--least-speed", limits.min_speed);
  app.add_option_function<long>("--slow",
                                [&limits](long count) { limits.slow = std::chrono::seconds(count); });
  milliseconds("--total", limits.total);
  milliseconds("--connect", limits.connect);
}

int print(const Result<http::Answer>& answer) {
  if (!answer) {
    fmt::print("fault={}\terror={}\n", answer.error().exit_status(), answer.error().message);
    return answer.error().exit_status();
  }
  fmt::print("status={}\tetag={}\tlast_modified={}\tcontent_type={}\turl={}\tbytes={}\n", answer->status,
             answer->validators.etag, answer->validators.last_modified, answer->content_type, answer->url,
             answer->bytes);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Fetches URLs for a test");
  Options options;
  define(app, options);
  CLI11_PARSE(app, argc, argv);
  const UniqueFd output(::open(options.output.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!output) return 73;
  http::Client client;
  int status = 0;
  for (const std::string& url : options.urls) {
    options.request.url = url;
    status = print(client.fetch(options.request, http::append_to(output.get(), options.output)));
  }
  return status;
}
