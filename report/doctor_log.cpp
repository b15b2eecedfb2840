#include "report/doctor_log.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/file.h"
#include "doctor/host_checks.h"

namespace starttls::report {
namespace {

using namespace doctor;

const Unit* unit_of(const InboundFacts& facts, const LogReader& reader) {
  return facts.units ? find_unit(*facts.units, fmt::format("{}.service", reader.service)) : nullptr;
}

bool may_read_log(const InboundFacts& facts, const LogReader& reader, const PathFacts& log) {
  UserFacts user = *reader.user;
  if (const Unit* const unit = unit_of(facts, reader); unit != nullptr) {
    for (const std::string& name : unit->supplementary_groups) {
      const bool matches = group_name(log.node().gid) == name;
      if (matches) user.groups.push_back(log.node().gid);
    }
  }
  return first_refusal(user, log, Want::read) == nullptr;
}

std::string let_read(const LogReader& reader, std::string_view group) {
  return fmt::format(
      "systemctl edit {0}: [Service] SupplementaryGroups={1}\n"
      "systemctl restart {0}",
      reader.service, group);
}

std::string follow(const LogReader& reader, std::string_view source) {
  return fmt::format(
      "in tlsrpt.toml, [{}]: mta_log = \"{}\"\n"
      "systemctl restart {}",
      reader.section, source, reader.service);
}

Check file_check(const InboundFacts& facts, const LogReader& reader, const PathFacts& log) {
  const std::string subject = log.path.string();
  if (log.is_hidden())
    return cannot_tell(reader.code, subject, errno_text(log.error), "Run it as root to find out.");
  if (!log.exists()) {
    return fault(
        reader.code, subject,
        {.seen = errno_text(log.error), .why = std::string(reader.why), .remedy = follow(reader, "journal")});
  }
  if (!reader.user) return cannot_tell(reader.code, subject, "the user of the daemon is unknown");
  if (!may_read_log(facts, reader, log)) {
    return fault(reader.code, subject,
                 {.seen = reader.user->name + " may not read it",
                  .why = std::string(reader.why),
                  .remedy = let_read(reader, group_name(log.node().gid))});
  }
  return ok(reader.code, subject, reader.user->name + " may read it");
}

Check journal_check(const InboundFacts& facts, const LogReader& reader) {
  if (!facts.units) return cannot_tell(reader.code, "journal", facts.units.error().message);
  const Unit* const unit = unit_of(facts, reader);
  if (unit == nullptr) {
    return cannot_tell(reader.code, "journal", fmt::format("there is no unit {}.service", reader.service));
  }
  const bool may_read = std::ranges::any_of(unit->supplementary_groups, [](const std::string& group) {
    return group == "adm" || group == "systemd-journal";
  });
  if (may_read) return ok(reader.code, "journal", "the daemon may read it");
  return fault(reader.code, "journal",
               {.seen = "the unit has neither group adm nor systemd-journal",
                .why = std::string(reader.why),
                .remedy = let_read(reader, "systemd-journal")});
}

}  // namespace

Checks log_checks(const InboundFacts& facts, const LogReader& reader) {
  if (reader.source.empty())
    return {ok(reader.code, "mail server's log", "is not read, as mta_log is not set")};
  if (reader.source == "journal") return {journal_check(facts, reader)};
  if (!reader.file) return {};
  Checks checks{file_check(facts, reader, *reader.file)};
  const auto& postfix = facts.mail_servers.postfix;
  const std::string own = postfix && *postfix ? (*postfix)->get("maillog_file") : "";
  if (!own.empty() && own != reader.source) {
    checks.push_back(fault(reader.code, "Postfix",
                           {.seen = fmt::format("logs to {}, but mta_log is {}", own, reader.source),
                            .why = std::string(reader.why),
                            .remedy = follow(reader, own)}));
  }
  return checks;
}

}  // namespace starttls::report
