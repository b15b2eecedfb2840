#include "listtool/sendmail/mail_server.h"

#include "listtool/configuration.h"
#include "listtool/sendmail/access.h"
#include "listtool/sendmail/map.h"
#include "listtool/sendmail/mc.h"
#include "listtool/sources.h"

namespace starttls::listtool::sendmail {
namespace {

// Sendmail waits 5 s (FEATURE(`sts')).
constexpr std::chrono::seconds max_answer_time{4};

std::size_t write_text(const OutputSettings& output, std::span<const Source> sources, BufferedWriter& out) {
  const Rules rules{.early_adopter = output.early_adopter};
  const bool access = output.type == "access";
  const auto find = [&](std::string_view domain) -> std::optional<preload::Entry> {
    const auto found = find_policy(sources, domain);
    return found ? std::optional(found->entry) : std::nullopt;
  };
  out.append(access ? access_head(sources) : head(sources, output.file));
  Tally tally;
  std::string line;
  for_each_policy(sources, [&](const preload::Entry& entry, std::size_t) {
    line.clear();
    tally.count(access ? append_access_line(line, entry, rules, find) : append_line(line, entry, rules));
    out.append(line);
  });
  out.append(end(tally, rules));
  return tally.left_out;
}

MapCompiler compiler(const Programs& programs, const std::string& type, const std::string& map) {
  return {.argv = {programs.makemap, type, map}, .reads_text_from_stdin = true};
}

std::string instructions(const std::filesystem::path& map) {
  const auto lines = mc_lines(map, MapType::hash);
  return lines ? fmt::format("in the .mc file:\n{}{}", *lines, needs_cas) : lines.error().message;
}

// Sendmail does not support DANE: the other sources decide.
std::optional<std::string> lookup(const NextHop& next_hop, const policy::Inputs& inputs,
                                  std::optional<postfix::Version>) {
  policy::Inputs without_dane = inputs;
  without_dane.dane.reset();
  return policy_for(next_hop.domain().str(), policy::decide(without_dane));
}

std::optional<std::string> policy(const NextHop& next_hop, const policy::Decision& decision,
                                  const mtasts::FetchedPolicy*, std::optional<postfix::Version>) {
  return policy_for(next_hop.domain().str(), decision);
}

}  // namespace

const MailServer& mail_server() {
  static const MailServer server{
      .name = "sendmail",
      .title = "Sendmail",
      .map_types = {{.name = "text"},
                    {.name = "hash", .format = MapFormat::compiled, .suffix = ".db"},
                    {.name = "access"}},
      .type_help =
          "text (default), hash: the same made into a map; access: for a Sendmail without FEATURE(`sts')",
      .generate_summary = "Write the map for FEATURE(`sts')",
      .generate_example =
          "starttls-listtool generate sendmail --type hash -o /etc/mail/starttls -v\n"
          "  and in the .mc file what -v says",
      .write_text = write_text,
      .compiler = compiler,
      .instructions = instructions,
      .lookup = lookup,
      .dialects = {{.dialect = Dialect::sendmail,
                    .name = "sendmail",
                    .map = "sts",
                    .max_answer_time = max_answer_time,
                    .policy = policy}}};
  return server;
}

}  // namespace starttls::listtool::sendmail
