// What a sendmail.cf says, as m4 has made it of sendmail.mc.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "config/address.h"

namespace starttls::doctor {

// A line "X": INPUT_MAIL_FILTER of sendmail.mc.
struct SendmailFilter {
  std::string name;
  std::string socket;    // "local:/var/spool/postfix/tlsrpt/milter.sock"
  std::string flags;     // "R": refuse, "T": fail for now, while the filter is down
  bool is_used = false;  // whether InputMailFilters has it
};

struct Sendmail {
  std::filesystem::path file;
  Time modified;
  std::optional<Time> mc_modified;  // of sendmail.mc beside it
  std::vector<SendmailFilter> filters;
  std::map<std::string, std::string, std::less<>> options;
  std::optional<std::string> sts_map;  // the line "Ksts", after the name: "hash -T<TMPF> /etc/mail/starttls"
  bool has_wildcard_rules = false;     // those of sts-wildcard.m4

  // "" if it is not set.
  const std::string& option(std::string_view name) const;
};

Sendmail parse_sendmail_cf(std::string_view text);

// The type of a map and its place, without its options.
struct SendmailMap {
  std::string type;   // "hash", "socket"
  std::string place;  // "/etc/mail/starttls", "inet:5461@127.0.0.1"
};
SendmailMap parse_sendmail_map(std::string_view line);

// Errors as of read_file().
Result<Sendmail> read_sendmail(const std::filesystem::path& file);

}  // namespace starttls::doctor
