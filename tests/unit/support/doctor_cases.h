// For the tests of both `doctor`s: facts by hand, and tables of what breaks a right host.
#pragma once

#include <algorithm>
#include <cerrno>
#include <functional>
#include <string>
#include <vector>

#include "doctor/check.h"
#include "doctor/host.h"
#include "doctor/mail_servers.h"
#include "support.h"

namespace starttls::test {

inline doctor::PathFacts path(const std::string& name, mode_t mode, uid_t uid = 0, gid_t gid = 0) {
  return {.path = name, .nodes = {{.path = name, .mode = mode, .uid = uid, .gid = gid}}, .modified = {}};
}

inline doctor::PathFacts missing(const std::string& name, int error = ENOENT) {
  doctor::PathFacts facts{.path = name, .nodes = {}, .modified = {}};
  facts.error = error;
  return facts;
}

// The warnings and faults.
inline doctor::Checks findings_of(doctor::Checks checks) {
  std::erase_if(checks, [](const doctor::Check& check) {
    return check.level != doctor::Level::fault && check.level != doctor::Level::warning;
  });
  return checks;
}

template <class Facts>
doctor::Postfix& postfix_of(Facts& facts) {
  return **facts.mail_servers.postfix;
}

// Another value of a parameter of Postfix, for facts of either program.
inline auto set(const char* parameter, const char* value) {
  return [=](auto& facts) { postfix_of(facts).parameters[parameter] = value; };
}

template <class Facts>
struct BrokenHost {
  const char* name;
  std::function<void(Facts&)> breaks;
  const char* code;
  doctor::Level level;
  const char* remedy;  // a part of it
};

// Each gives one finding, which `judge` makes of the facts.
template <class Facts>
void check_broken_hosts(const std::vector<BrokenHost<Facts>>& hosts, const Facts& right_host,
                        doctor::Checks (*judge)(const Facts&)) {
  for (const BrokenHost<Facts>& host : hosts) {
    Facts facts = right_host;
    host.breaks(facts);
    const doctor::Checks found = findings_of(judge(facts));
    INFO(host.name);
    for (const doctor::Check& check : found)
      UNSCOPED_INFO(check.code << ": " << check.seen << "; " << check.remedy);
    REQUIRE(found.size() == 1);
    CHECK(found[0].code == host.code);
    CHECK(found[0].level == host.level);
    CHECK(found[0].remedy.contains(host.remedy));
    CHECK(!found[0].why.empty());
  }
}

}  // namespace starttls::test
