#include "doctor/host_checks.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/counted.h"
#include "base/file.h"

namespace starttls::doctor {
namespace {

constexpr std::uintmax_t mebibyte = std::uintmax_t{1} << 20U;
constexpr std::uintmax_t fault_free = 16 * mebibyte;
constexpr std::uintmax_t warning_free = 256 * mebibyte;
constexpr std::uintmax_t fault_free_files = 100;
constexpr mode_t others_write = 0002;
constexpr mode_t others_read = 0004;
constexpr mode_t others_search = 0001;

// Debian 12 starts Postfix by the first, Debian 13 by the second.
constexpr std::array<const char*, 2> postfix_units{"postfix@-.service", "postfix.service"};
constexpr const char* sendmail_unit = "sendmail.service";
constexpr const char* exim_unit = "exim4.service";

std::string why_not_read(const PathFacts& path) {
  return errno_text(path.error);
}

// The subject has the name already.
std::string without_name(std::string_view message) {
  const std::size_t end = message.find(": ");
  return std::string(end == std::string_view::npos ? message : message.substr(end + 2));
}

// Whether every user can read or change the file: a directory may keep them off.
bool is_open_to_others(const PathFacts& file) {
  const bool is_reached = std::ranges::all_of(
      file.nodes, [](const Node& node) { return !S_ISDIR(node.mode) || (node.mode & others_search) != 0; });
  return is_reached && (file.node().mode & (others_read | others_write)) != 0;
}

}  // namespace

Check clock_check(const Result<bool>& is_synchronized) {
  if (!is_synchronized) return cannot_tell("clock", "clock", is_synchronized.error().message);
  if (*is_synchronized) return ok("clock", "clock", "is synchronized");
  return warning(
      "clock", "clock",
      {.seen = "is not synchronized with a time server",
       .why = "Certificates, policies and lists expire by the clock, and sessions are counted by the day.",
       .remedy = "apt install systemd-timesyncd && timedatectl set-ntp true"});
}

Check disk_check(const std::filesystem::path& directory, const Result<DiskFacts>& disk) {
  const std::string subject = directory.string();
  if (!disk) return cannot_tell("disk-space", subject, disk.error().message);
  const bool has_no_files = disk->files > 0 && disk->free_files < fault_free_files;
  const std::string seen = has_no_files ? fmt::format("room for {} more", counted(disk->free_files, "file"))
                                        : fmt::format("{} MiB are free", disk->free / mebibyte);
  const Trouble trouble{
      .seen = seen,
      .why = "On a full disk nothing more is stored, and files that others read stay as they are.",
      .remedy = "df -h " + subject + "; df -i " + subject};
  if (has_no_files || disk->free < fault_free) return fault("disk-space", subject, trouble);
  if (disk->free < warning_free) return warning("disk-space", subject, trouble);
  return ok("disk-space", subject, seen);
}

Check state_directory_check(const PathFacts& directory, const std::optional<UserFacts>& owner,
                            bool others_may_read, const std::string& create) {
  constexpr std::string_view code = "state-directory";
  const std::string subject = directory.path.string();
  if (directory.is_hidden())
    return cannot_tell(code, subject, why_not_read(directory), "Run it as root to find out.");
  if (!directory.is_directory()) {
    return fault(code, subject,
                 {.seen = directory.exists() ? "is not a directory" : why_not_read(directory),
                  .why = "There is no place for what must be kept.",
                  .remedy = create});
  }
  const Node& node = directory.node();
  if ((node.mode & others_write) != 0) {
    return fault(code, subject,
                 {.seen = "every user may write to it",
                  .why = "Every user of this host can change what is kept there.",
                  .remedy = (others_may_read ? "chmod o-w " : "chmod o-rwx ") + subject});
  }
  if (owner && first_refusal(*owner, directory, Want::write) != nullptr) {
    return fault(code, subject,
                 {.seen = fmt::format("belongs to {}:{}; {} may not write to it", user_name(node.uid),
                                      group_name(node.gid), owner->name),
                  .why = "The service cannot store anything.",
                  .remedy = fmt::format("chown -R {0}:{0} {1}", owner->name, subject)});
  }
  if (!others_may_read && (node.mode & others_read) != 0) {
    return warning(code, subject,
                   {.seen = "every user may read it",
                    .why = "It has the addresses of those who send mail to you.",
                    .remedy = "chmod o-rwx " + subject});
  }
  return ok(code, subject, fmt::format("{}:{}", user_name(node.uid), group_name(node.gid)));
}

Check secret_check(const PathFacts& file, const std::string& mode) {
  const std::string subject = file.path.string();
  if (file.is_hidden()) return ok("secrets", subject, "this user may not read it");
  if (!file.exists()) return cannot_tell("secrets", subject, why_not_read(file));
  if (!is_open_to_others(file)) return ok("secrets", subject, "other users may not read it");
  return fault("secrets", subject,
               {.seen = "every user of this host may read it",
                .why = "It has a secret in it.",
                .remedy = fmt::format("chmod {} {}", mode, subject)});
}

Check configuration_rights_check(const PathFacts& file) {
  const std::string subject = file.path.string();
  if (!file.exists()) return cannot_tell("configuration", subject, why_not_read(file));
  const auto writable = std::ranges::find_if(file.nodes, [](const Node& node) {
    const bool is_sticky = (node.mode & S_ISVTX) != 0;
    return (node.mode & others_write) != 0 && !is_sticky;
  });
  if (writable == file.nodes.end()) return ok("configuration", subject, "was read");
  return fault("configuration", subject,
               {.seen = fmt::format("every user may write to {}", writable->path.string()),
                .why = "Every user of this host can change the configuration of a service.",
                .remedy = "chmod o-w " + writable->path.string()});
}

std::optional<Refusal> find_refusal(const UserFacts& user, const PathFacts& path, Want want,
                                    std::string_view use, std::string_view mode) {
  const Node* const node = first_refusal(user, path, want);
  if (node == nullptr) return std::nullopt;
  const bool is_end = node == &path.node();
  const std::string name = node->path.string();
  return Refusal{
      .seen = fmt::format("{} belongs to {}:{} with mode {:04o}; {} may not {}", name, user_name(node->uid),
                          group_name(node->gid), node->mode & 07777, user.name, is_end ? use : "enter it"),
      .remedy = fmt::format("chgrp {0} {1} && chmod {2} {1}", user.name, name, is_end ? mode : "g+x")};
}

Check ca_file_check(const std::string& subject, const PathFacts& file,
                    const Result<std::size_t>& certificates, const std::string& set) {
  const std::string path = file.path.string();
  const std::string why =
      "No certificate is trusted, so mail to every domain with a policy waits in the queue.";
  const std::string remedy =
      path == ca_bundle ? "apt install --reinstall ca-certificates && update-ca-certificates --fresh" : set;
  if (file.is_hidden())
    return cannot_tell("ca-file", subject, fmt::format("{}: {}", path, why_not_read(file)));
  if (!file.exists()) {
    return fault("ca-file", subject,
                 {.seen = fmt::format("{}: {}", path, why_not_read(file)), .why = why, .remedy = remedy});
  }
  if (!certificates) {
    if (certificates.error().fault == Fault::permission)
      return cannot_tell("ca-file", subject, certificates.error().message);
    return fault("ca-file", subject, {.seen = certificates.error().message, .why = why, .remedy = remedy});
  }
  if (*certificates == 0)
    return fault("ca-file", subject, {.seen = path + " has no certificate", .why = why, .remedy = remedy});
  return ok("ca-file", subject, fmt::format("{}: {}", path, counted(*certificates, "certificate")));
}

Checks resolver_checks(std::span<const ResolverFacts> resolvers, bool needs_dnssec) {
  const std::string unbound = "apt install unbound, and \"nameserver 127.0.0.1\" in /etc/resolv.conf";
  Checks checks;
  for (const ResolverFacts& resolver : resolvers) {
    const std::string subject = "resolver " + resolver.server;
    if (!resolver.validates) {
      checks.push_back(
          warning("resolver", subject,
                  {.seen = without_name(resolver.validates.error().message),
                   .why = "Each question to it costs time; without any resolver no mail goes out.",
                   .remedy = "systemctl status unbound; or remove it from /etc/resolv.conf"}));
      continue;
    }
    checks.push_back(ok("resolver", subject, "answers"));
    if (!needs_dnssec) continue;
    if (!*resolver.validates) {
      checks.push_back(
          fault("dnssec", subject,
                {.seen = "does not validate DNSSEC: its answers have no AD bit",
                 .why = "Mail servers do DANE only with the AD bit; mail to domains with DANE waits.",
                 .remedy = unbound}));
    } else if (!resolver.is_loopback) {
      checks.push_back(
          warning("dnssec", subject,
                  {.seen = "validates DNSSEC, but is not on this host",
                   .why = "Anybody between this host and the resolver can forge what it validates.",
                   .remedy = unbound}));
    } else {
      checks.push_back(ok("dnssec", subject, "validates DNSSEC, on this host"));
    }
  }
  return checks;
}

Check unit_check(const Result<Units>& units, const WantedUnit& wanted) {
  if (!units) return cannot_tell(wanted.code, wanted.name, units.error().message);
  const Unit* const unit = find_unit(*units, wanted.name);
  Trouble trouble{.seen = {}, .why = wanted.why, .remedy = wanted.enable};
  if (unit == nullptr) {
    trouble.seen = "there is no such unit";
    trouble.remedy = "systemctl daemon-reload && " + wanted.enable;
    return fault(wanted.code, wanted.name, trouble);
  }
  if (!unit->is_active()) {
    trouble.seen =
        fmt::format("is {}{}", unit->active, unit->active == "failed" ? ", with " + unit->result : "");
    if (unit->condition == "no")
      trouble.seen += "; its conditions do not hold, such as that its configuration exists";
    if (unit->active == "failed") {
      trouble.remedy = fmt::format("journalctl -u {}; correct what it says; systemctl restart {}",
                                   wanted.name, wanted.name);
    }
    return fault(wanted.code, wanted.name, trouble);
  }
  if (wanted.must_be_enabled && !unit->is_enabled()) {
    return warning(wanted.code, wanted.name,
                   {.seen = "is active, but not enabled",
                    .why = "It does not start when the host boots.",
                    .remedy = "systemctl enable " + wanted.name});
  }
  return ok(wanted.code, wanted.name, "is active" + std::string(unit->is_enabled() ? " and enabled" : ""));
}

Checks order_checks(std::string_view code, const Result<Units>& units, const std::string& daemon,
                    const MailServers& servers) {
  const Unit* const unit = units ? find_unit(*units, daemon) : nullptr;
  if (unit == nullptr) return {};  // unit_check() says so
  Checks checks;
  const auto check = [&](const std::string& mail_server) {
    if (std::ranges::find(unit->before, mail_server) != unit->before.end()) {
      checks.push_back(ok(code, daemon, "starts before " + mail_server));
      return;
    }
    checks.push_back(
        warning(code, daemon,
                {.seen = "does not start before " + mail_server,
                 .why = "At a boot the mail server can be there first, and at a shutdown last.",
                 .remedy = fmt::format("systemctl edit {}: [Unit] Before={}", daemon, mail_server)}));
  };
  if (servers.postfix && *servers.postfix && (*servers.postfix)->config_directory.empty()) {
    for (const char* const name : postfix_units) {
      // postfix.service of Debian 12 only pulls in the other one.
      if (find_unit(*units, name) == nullptr) continue;
      check(name);
      break;
    }
  }
  if (servers.sendmail && find_unit(*units, sendmail_unit) != nullptr) check(sendmail_unit);
  if (servers.exim && find_unit(*units, exim_unit) != nullptr) check(exim_unit);
  return checks;
}

std::vector<std::string> mail_server_units() {
  std::vector<std::string> units(postfix_units.begin(), postfix_units.end());
  units.emplace_back(sendmail_unit);
  units.emplace_back(exim_unit);
  return units;
}

}  // namespace starttls::doctor
