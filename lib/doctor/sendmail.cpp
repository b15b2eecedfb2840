#include "doctor/sendmail.h"

#include <algorithm>
#include <ranges>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "doctor/host.h"
#include "doctor/postfix.h"

namespace starttls::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_size = std::size_t{4} << 20U;

// "Xtlsrpt, S=local:/path, F=T, T=C:5s"
SendmailFilter parse_filter(std::string_view line) {
  SendmailFilter filter;
  for (const auto& each : std::views::split(line, ',')) {
    const std::string_view field = trim(std::string_view(each.begin(), each.end()));
    if (filter.name.empty()) filter.name = field;
    if (field.starts_with("S=")) filter.socket = field.substr(2);
    if (field.starts_with("F=")) filter.flags = field.substr(2);
  }
  return filter;
}

void parse_option(Sendmail& sendmail, std::string_view line) {
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return;
  sendmail.options.insert_or_assign(std::string(trim(line.substr(0, equals))),
                                    std::string(trim(line.substr(equals + 1))));
}

}  // namespace

const std::string& Sendmail::option(std::string_view name) const {
  static const std::string none;
  const auto found = options.find(name);
  return found != options.end() ? found->second : none;
}

Sendmail parse_sendmail_cf(std::string_view text) {
  constexpr std::string_view sts_map = "Ksts ";
  Sendmail sendmail{.file = {}, .modified = {}, .sts_map = std::nullopt};
  bool is_sts_san = false;
  for (const auto& each : std::views::split(text, '\n')) {
    const std::string_view line(each.begin(), each.end());
    if (line.starts_with('X')) sendmail.filters.push_back(parse_filter(line.substr(1)));
    if (line.starts_with("O ")) parse_option(sendmail, line.substr(2));
    if (line.starts_with(sts_map)) sendmail.sts_map = trim(line.substr(sts_map.size()));
    if (line.starts_with('S')) is_sts_san = trim(line) == "SSTS_SAN";
    if (is_sts_san && line.starts_with("R$-.$+")) sendmail.has_wildcard_rules = true;
  }
  const std::vector<std::string> used = split_list(sendmail.option("InputMailFilters"));
  for (SendmailFilter& filter : sendmail.filters)
    filter.is_used = std::ranges::find(used, filter.name) != used.end();
  return sendmail;
}

SendmailMap parse_sendmail_map(std::string_view line) {
  SendmailMap map;
  for (std::string& word : split_list(line)) {
    if (word.starts_with('-')) continue;
    (map.type.empty() ? map.type : map.place) = std::move(word);
  }
  return map;
}

Result<Sendmail> read_sendmail(const fs::path& file) {
  Sendmail sendmail = parse_sendmail_cf(TRY(read_file(file, max_size)));
  sendmail.file = file;
  sendmail.modified = read_path(file).modified;
  const PathFacts mc = read_path(fs::path(file).replace_extension(".mc"));
  if (mc.exists()) sendmail.mc_modified = mc.modified;
  return sendmail;
}

}  // namespace starttls::doctor
