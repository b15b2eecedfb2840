#include "doctor/mail_servers.h"

#include <charconv>
#include <system_error>

namespace starttls::doctor {
namespace {

namespace fs = std::filesystem;

constexpr const char* default_sendmail_cf = "/etc/mail/sendmail.cf";

Checks postfix_checks(const Result<Postfix>& postfix) {
  if (!postfix) {
    return {fault("mail-server", "Postfix",
                  {.seen = postfix.error().message,
                   .why = "Postfix cannot start with a configuration that postconf cannot read.",
                   .remedy = "postfix check"})};
  }
  Checks checks{ok("mail-server", "Postfix", "version " + postfix->version())};
  if (!postfix->runs) {
    checks.push_back(cannot_tell("mail-server-runs", "Postfix", postfix->runs.error().message,
                                 "Run it as root to find out whether Postfix runs."));
  } else if (*postfix->runs) {
    checks.push_back(ok("mail-server-runs", "Postfix", "runs"));
  } else {
    checks.push_back(fault("mail-server-runs", "Postfix",
                           {.seen = "does not run",
                            .why = "No mail comes in or goes out.",
                            .remedy = postfix->config_directory.empty()
                                          ? "systemctl start postfix"
                                          : "postfix -c " + postfix->config_directory.string() + " start"}));
  }
  return checks;
}

Check sendmail_check(const Result<Sendmail>& sendmail) {
  if (!sendmail) return cannot_tell("mail-server", "Sendmail", sendmail.error().message);
  if (sendmail->mc_modified && *sendmail->mc_modified > sendmail->modified) {
    return warning(
        "mail-server", sendmail->file.string(),
        {.seen = "is older than sendmail.mc",
         .why = "Sendmail does not read sendmail.mc: what was changed there has no effect yet.",
         .remedy = "make -C " + sendmail->file.parent_path().string() + " && systemctl restart sendmail"});
  }
  return ok("mail-server", "Sendmail", sendmail->file.string());
}

Check exim_configuration_check(const Exim& exim) {
  constexpr std::string_view code = "mail-server";
  if (exim.debian && exim.debian->modified > exim.modified) {
    return warning(code, exim.file.string(),
                   {.seen = "is older than " + exim.debian->newest.string(),
                    .why = "Exim does not read that: what was changed there has no effect yet.",
                    .remedy = exim.apply()});
  }
  return ok(code, "Exim", fmt::format("version {}, {}", exim.version, exim.file.string()));
}

Checks exim_checks(const Result<Exim>& exim) {
  if (!exim) {
    return {fault("mail-server", "Exim",
                  {.seen = exim.error().message,
                   .why = "Exim cannot deliver any mail with a configuration that it cannot read.",
                   .remedy = "correct what exim4 -bV says; systemctl restart exim4"})};
  }
  Checks checks{exim_configuration_check(*exim)};
  if (!exim->runs) {
    checks.push_back(cannot_tell("mail-server-runs", "Exim", exim->runs.error().message,
                                 "Run it as root to find out whether Exim runs."));
  } else if (*exim->runs) {
    checks.push_back(ok("mail-server-runs", "Exim", "runs"));
  } else {
    checks.push_back(fault("mail-server-runs", "Exim",
                           {.seen = "does not run: there is no process of " + exim->option("pid_file_path"),
                            .why = "No mail comes in, and mail that waits is not sent.",
                            .remedy = "systemctl start exim4"}));
  }
  return checks;
}

}  // namespace

void mail_server_options(command::Options& options, MailServerChoice& choice) {
  options
      .option("--postfix-config", choice.postfix_config, "DIR",
              "Check the Postfix with this configuration directory, and no other mail server")
      .check(command::names_file);
  options
      .option("--sendmail-cf", choice.sendmail_cf, "FILE",
              "Check the Sendmail with this configuration, and no other mail server")
      .check(command::names_file);
  options
      .option("--exim-config", choice.exim_config, "FILE",
              "Check the Exim with this configuration, and no other mail server")
      .check(command::names_file);
}

MailServers read_mail_servers(const MailServerChoice& choice) {
  MailServers servers;
  const bool is_given =
      !choice.postfix_config.empty() || !choice.sendmail_cf.empty() || !choice.exim_config.empty();
  if (!choice.postfix_config.empty() || (!is_given && has_postfix({})))
    servers.postfix = read_postfix(choice.postfix_config);
  std::error_code error;
  // A Postfix may stand beside the configuration of a Sendmail that was removed.
  const bool finds_sendmail = !is_given && !servers.postfix && fs::exists(default_sendmail_cf, error);
  if (!choice.sendmail_cf.empty() || finds_sendmail) {
    servers.sendmail =
        read_sendmail(choice.sendmail_cf.empty() ? fs::path(default_sendmail_cf) : choice.sendmail_cf);
  }
  if (!choice.exim_config.empty() || (!is_given && !find_exim().empty()))
    servers.exim = read_exim(choice.exim_config);
  return servers;
}

std::optional<int> leading_number(std::string_view value) {
  int number = 0;
  if (std::from_chars(value.data(), value.data() + value.size(), number).ec != std::errc())
    return std::nullopt;
  return number;
}

Checks mail_server_checks(const MailServers& servers) {
  Checks checks;
  if (servers.postfix) add(checks, postfix_checks(*servers.postfix));
  if (servers.sendmail) checks.push_back(sendmail_check(*servers.sendmail));
  if (servers.exim) add(checks, exim_checks(*servers.exim));
  if (checks.empty()) {
    checks.push_back(
        fault("mail-server", "mail server",
              {.seen = "neither Postfix, Sendmail nor Exim was found",
               .why = "There is no mail server here that could use this program.",
               .remedy = "apt install postfix; or name its configuration with --postfix-config DIR"}));
  }
  return checks;
}

}  // namespace starttls::doctor
