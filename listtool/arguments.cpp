#include "listtool/arguments.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <set>

#include "base/console.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "listtool/context.h"

namespace starttls::listtool {
namespace {

constexpr std::size_t stdin_limit = std::size_t{64} << 20U;  // bytes; some million names
constexpr std::size_t max_reported_lines = 1000;

}  // namespace

std::size_t for_each_line(std::string_view name, std::string_view text,
                          const std::function<Result<void>(std::string_view)>& take) {
  std::size_t refused = 0;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (number == 1 && line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
    line = trim(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const auto taken = take(line);
    if (taken || ++refused > max_reported_lines) continue;
    print_error(program, fmt::format("{}:{}: {}", name, number, taken.error().message));
  }
  if (refused > max_reported_lines)
    print_error(program, fmt::format("{}: {} more lines are faulty", name, refused - max_reported_lines));
  return refused;
}

Result<int> for_each_argument(const std::vector<std::string>& arguments,
                              const std::function<Result<void>(std::string_view)>& take) {
  int status = 0;
  for (const std::string& argument : arguments) {
    if (argument == "-") {
      const auto text = TRY(read_file(argument, stdin_limit, FileKind::any));
      if (for_each_line("standard input", text, take) > 0)
        status = std::max(status, static_cast<int>(Fault::data));
    } else if (const auto taken = take(trim(argument)); !taken) {
      print_error(program, taken.error().message);
      status = std::max(status, static_cast<int>(Fault::usage));
    }
  }
  return status;
}

Result<Domains> read_domains(const std::vector<std::string>& arguments) {
  Domains read;
  std::set<DomainName> seen;
  const auto status = TRY(for_each_argument(arguments, [&](std::string_view text) -> Result<void> {
    auto domain = TRY(DomainName::parse(text));
    if (seen.insert(domain).second) read.domains.push_back(std::move(domain));
    return {};
  }));
  read.status = status;
  return read;
}

}  // namespace starttls::listtool
