#include "collector/record.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <filesystem>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include "base/console.h"
#include "base/counted.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "collector/socket.h"
#include "command/command.h"
#include "config/tlsrpt_toml.h"
#include "tlsrpt/datagram.h"

namespace starttls::collector {
namespace {

constexpr const char* name = "tlsrpt-collector record";
constexpr std::size_t max_shown_errors = 20;

struct CommandLine {
  std::filesystem::path config;
  std::optional<std::string> socket;
  bool quiet = false;
};

Result<config::Address> socket_of(const CommandLine& line) {
  if (line.socket) {
    auto socket = config::parse_address(*line.socket);
    if (!socket) return fail(Fault::usage, "--socket {}", socket.error().message);
    TRY(check_address(*socket));
    return *socket;
  }
  const auto file = line.config.empty() ? std::nullopt : std::optional(line.config);
  return TRY(config::load_tlsrpt_config(file)).collector.socket;
}

Result<UniqueFd> connect(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    return fail(Fault::unavailable, "{}: {}", printable(path), errno_text(ENAMETOOLONG));
  path.copy(address.sun_path, path.size());
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket) return fail(Fault::unavailable, "socket: {}", errno_text(errno));
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    const Fault fault = errno == EACCES ? Fault::permission : Fault::unavailable;
    return fail(fault, "{}: {}; does tlsrpt-collector run?", printable(path), errno_text(errno));
  }
  return socket;
}

// Waits while the queue of the daemon is full.
Result<void> send(const UniqueFd& socket, std::string_view datagram) {
  ssize_t sent = 0;
  do {
    sent = ::send(socket.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL);
  } while (sent < 0 && errno == EINTR);
  if (sent < 0) return fail(Fault::unavailable, "tlsrpt-collector: {}", errno_text(errno));
  return {};
}

// Reads a line of at most `limit` bytes; the rest of a longer one is skipped. False at the end.
bool read_line(std::istream& input, std::string& line, std::size_t limit) {
  line.clear();
  std::streambuf& bytes = *input.rdbuf();
  int byte = bytes.sbumpc();
  if (byte == std::char_traits<char>::eof()) return false;
  for (; byte != std::char_traits<char>::eof() && byte != '\n'; byte = bytes.sbumpc()) {
    if (line.size() <= limit) line += static_cast<char>(byte);
  }
  return true;
}

struct Totals {
  std::uint64_t recorded = 0;
  std::uint64_t rejected = 0;
};

Result<Totals> record_lines(std::istream& input, const UniqueFd& socket) {
  Totals totals;
  std::string line;
  for (std::uint64_t number = 1; read_line(input, line, tlsrpt::datagram_size_limit); ++number) {
    if (trim(line).empty()) continue;
    if (const auto read = tlsrpt::read_datagram(line); !read) {
      if (++totals.rejected <= max_shown_errors)
        print_error(name, fmt::format("line {}: {}", number, printable(read.error().message)));
      continue;
    }
    TRY(send(socket, line));
    ++totals.recorded;
  }
  return totals;
}

Result<int> run(const CommandLine& line) {
  const auto address = TRY(socket_of(line));
  const auto socket = TRY(connect(address.path));
  const auto totals = TRY(record_lines(std::cin, socket));
  if (totals.rejected > max_shown_errors) {
    print_error(name, fmt::format("{} of other lines not shown",
                                  counted(totals.rejected - max_shown_errors, "error")));
  }
  if (!line.quiet) TRY(print(fmt::format("{} recorded\n", counted(totals.recorded, "result"))));
  return totals.rejected > 0 ? static_cast<int>(Fault::data) : 0;
}

}  // namespace

Result<int> run_record(int argc, const char* const* argv) {
  CommandLine line;
  const auto status = command::parse(
      {.name = name,
       .description = "Record results of other mail servers: JSON on standard input, one result in each line",
       .example = "tlsrpt-collector record < results.jsonl"},
      [&](command::Options& options) {
        command::config_option(options, line.config, config::default_tlsrpt_config);
        options.option("-s,--socket", line.socket, "SOCKET", "The socket of tlsrpt-collector: unix:/PATH");
        options.flag("-q,--quiet", line.quiet, "Print errors only");
      },
      argc, argv);
  if (status) return *status;
  return run(line);
}

}  // namespace starttls::collector
