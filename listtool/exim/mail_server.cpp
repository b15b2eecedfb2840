#include "listtool/exim/mail_server.h"

#include "listtool/configuration.h"
#include "listtool/exim/map.h"

namespace starttls::listtool::exim {
namespace {

// The routers in packaging/exim wait for 30 s.
constexpr std::chrono::seconds max_answer_time{25};

Rules rules(const OutputSettings& output) {
  return {.early_adopter = output.early_adopter};
}

std::size_t write_text(const OutputSettings& output, std::span<const Source> sources, BufferedWriter& out) {
  write_text_map(sources, rules(output), out);
  return 0;
}

void for_each_key(const OutputSettings& output, std::span<const Source> sources,
                  const std::function<void(std::string_view key, std::string_view policy)>& each) {
  for_each_line(sources, rules(output), each);
}

std::string instructions(const std::filesystem::path& map) {
  return fmt::format("in Exim's configuration, before the file exim/router: STARTTLS_MAP = cdb{{{}.cdb}}",
                     map.string());
}

std::optional<std::string> lookup(const NextHop&, const policy::Inputs& inputs,
                                  std::optional<postfix::Version>) {
  const policy::Decision decision = policy::decide(inputs);
  if (decision.mode == policy::Mode::undecided) return "TEMP";
  return policy_for(decision);
}

std::optional<std::string> policy(const NextHop&, const policy::Decision& decision,
                                  const mtasts::FetchedPolicy*, std::optional<postfix::Version>) {
  return policy_for(decision);
}

}  // namespace

const MailServer& mail_server() {
  static const MailServer server{
      .name = "exim",
      .title = "Exim",
      .map_types = {{.name = "lsearch"}, {.name = "cdb", .format = MapFormat::cdb, .suffix = ".cdb"}},
      .type_help = "lsearch (default) or cdb: as in a lookup of Exim",
      .generate_summary = "Write the map for Exim's lookups",
      .generate_example =
          "starttls-listtool generate exim --type cdb -o /etc/exim4/tls_policy\n"
          "  and in Exim's configuration: STARTTLS_MAP = cdb{/etc/exim4/tls_policy.cdb}",
      .write_text = write_text,
      .for_each_key = for_each_key,
      .instructions = instructions,
      .lookup = lookup,
      .dialects = {{.dialect = Dialect::exim,
                    .name = "exim",
                    .map = "exim",
                    .dane = true,
                    .max_answer_time = max_answer_time,
                    .policy = policy}}};
  return server;
}

}  // namespace starttls::listtool::exim
