// What `check --watch` says in a mail: the domains of which something is worse or better than last time, those that are
// watched from now on, and those of which something has not been found out for a week. Nothing else, so that each mail
// is worth reading. What is about this host and not about a domain stands at the end, once.
//
//     2 domains worse, 1 better
//
//     example.org: 1 worse, 0 better
//     ...
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/domain.h"
#include "checkdb/known_domain.h"
#include "listtool/check_output.h"
#include "listtool/own_network.h"

namespace starttls::listtool {

class WatchReport {
 public:
  explicit WatchReport(CheckStyle style);

  // Compares with what was known, which may be null, and returns what is known from now on. That must be kept only once
  // text() is printed, so that nothing is lost.
  checkdb::KnownDomain add(const Examined& examined, const checkdb::KnownDomain* before);

  // "" where there is nothing to say. The first line is a summary, for the subject of a mail. Domains of which something
  // is worse come first.
  std::string text() const;

  // 1 where something is worse, or a domain that is watched from now on has a fault; else 75 where something was not
  // found out; else 0.
  int exit_status() const;

 private:
  enum class Kind : std::uint8_t { worse, added, unknown, better };
  struct Entry {
    Kind kind;
    DomainName domain;
    std::string text;  // "" where only own_network_ says why
  };
  void add_entry(Kind kind, const Examined& examined, std::string text);
  std::string summary() const;

  CheckStyle style_;
  std::vector<Entry> entries_;
  OwnNetwork own_network_;  // of the domains in entries_
  bool is_worse_ = false;
  bool is_unknown_ = false;
};

}  // namespace starttls::listtool
