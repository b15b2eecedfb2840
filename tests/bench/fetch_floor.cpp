// fetch-floor CA_FILE ADDRESSES: measures the lowest cost of fetching policies with libcurl. Fetches the
// policies of all domains in the file ADDRESSES (each line: the domain, a blank, the address of its policy
// host), 50 at a time, in one thread, without DNS queries. If one cannot be fetched, exits with status 69.

#include <curl/curl.h>
#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "base/console.h"
#include "base/file.h"

namespace {

using namespace starttls;

constexpr const char* program = "fetch-floor";
constexpr std::size_t at_once = 50;
constexpr int wait_milliseconds = 10'000;
constexpr std::size_t addresses_limit = 64U << 20U;

using Easy = std::unique_ptr<CURL, decltype(&curl_easy_cleanup)>;
using Multi = std::unique_ptr<CURLM, decltype(&curl_multi_cleanup)>;
using Names = std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)>;

struct Host {
  std::string url;
  Names connect_to{nullptr, curl_slist_free_all};
};

Result<std::vector<Host>> read_hosts(const std::string& file) {
  const auto text = read_file(file, addresses_limit);
  if (!text) return std::unexpected(text.error());
  std::vector<Host> hosts;
  std::istringstream lines(*text);
  for (std::string domain, address; lines >> domain >> address;) {
    Host& host = hosts.emplace_back();
    host.url = fmt::format("https://mta-sts.{}/.well-known/mta-sts.txt", domain);
    host.connect_to.reset(curl_slist_append(nullptr, fmt::format("::{}:443", address).c_str()));
  }
  return hosts;
}

std::size_t ignore_bytes(char* /*bytes*/, std::size_t /*one*/, std::size_t size, void* /*target*/) {
  return size;
}

class Fetches {
 public:
  Fetches(std::string ca_file, std::vector<Host> hosts)
      : ca_file_(std::move(ca_file)), hosts_(std::move(hosts)) {}

  Result<void> run() {
    while (easies_.size() < at_once && next_ < hosts_.size()) {
      easies_.push_back(new_easy());
      begin_next(easies_.back().get());
    }
    for (int running = 1; running > 0;) {
      curl_multi_perform(multi_.get(), &running);
      if (auto taken = take_ended(running); !taken) return taken;
      if (running > 0) curl_multi_poll(multi_.get(), nullptr, 0, wait_milliseconds, nullptr);
    }
    return {};
  }

 private:
  Easy new_easy() {
    Easy easy(curl_easy_init(), curl_easy_cleanup);
    curl_easy_setopt(easy.get(), CURLOPT_CAINFO, ca_file_.c_str());
    // By default, libcurl 7.88 reads the whole CA file again for each connection.
    curl_easy_setopt(easy.get(), CURLOPT_CAPATH, nullptr);
    curl_easy_setopt(easy.get(), CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(easy.get(), CURLOPT_FORBID_REUSE, 1L);
    curl_easy_setopt(easy.get(), CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(easy.get(), CURLOPT_TIMEOUT, 60L);
    curl_easy_setopt(easy.get(), CURLOPT_WRITEFUNCTION, ignore_bytes);
    return easy;
  }

  void begin_next(CURL* easy) {
    const Host& host = hosts_[next_++];
    curl_easy_setopt(easy, CURLOPT_URL, host.url.c_str());
    curl_easy_setopt(easy, CURLOPT_CONNECT_TO, host.connect_to.get());
    curl_multi_add_handle(multi_.get(), easy);
  }

  // `running` is at least 1 after another fetch has started.
  Result<void> take_ended(int& running) {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
      if (message->data.result != CURLE_OK) {
        return fail(Fault::unavailable, "{}", curl_easy_strerror(message->data.result));
      }
      CURL* easy = message->easy_handle;
      curl_multi_remove_handle(multi_.get(), easy);
      if (next_ == hosts_.size()) continue;
      begin_next(easy);
      running = 1;
    }
    return {};
  }

  std::string ca_file_;
  std::vector<Host> hosts_;
  std::size_t next_ = 0;
  Multi multi_{curl_multi_init(), curl_multi_cleanup};
  std::vector<Easy> easies_;
};

Result<int> run(const std::string& ca_file, const std::string& addresses) {
  auto hosts = read_hosts(addresses);
  if (!hosts) return std::unexpected(hosts.error());
  curl_global_init(CURL_GLOBAL_DEFAULT);
  Fetches fetches(ca_file, std::move(*hosts));
  if (auto done = fetches.run(); !done) return std::unexpected(done.error());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(program, [&]() -> Result<int> {
    if (argc != 3) return fail(Fault::usage, "usage: fetch-floor CA_FILE ADDRESSES");
    return run(argv[1], argv[2]);
  });
}
