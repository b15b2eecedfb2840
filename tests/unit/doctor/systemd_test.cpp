#include "doctor/systemd.h"

#include "support.h"

using namespace starttls;
using namespace starttls::doctor;

TEST_CASE("the output of systemctl show is read unit by unit") {
  const Units units = parse_units(
      "Listen=127.0.0.1:8461 (Stream)\n"
      "Listen=/run/x.sock (Stream)\n"
      "Id=serve.socket\n"
      "LoadState=loaded\n"
      "ActiveState=active\n"
      "UnitFileState=enabled-runtime\n"
      "\n"
      "SupplementaryGroups=adm systemd-journal\n"
      "Id=milter.service\n"
      "Before=shutdown.target postfix@-.service\n"
      "LoadState=loaded\n"
      "ActiveState=failed\n"
      "Result=exit-code\n"
      "ConditionResult=no\n"
      "\n"
      "Id=nosuch.service\n"
      "LoadState=not-found\n"
      "ActiveState=inactive\n");
  const Unit* const socket = find_unit(units, "serve.socket");
  REQUIRE(socket != nullptr);
  CHECK(socket->is_active());
  CHECK(socket->is_enabled());
  CHECK(socket->listen == std::vector<std::string>{"127.0.0.1:8461", "/run/x.sock"});
  const Unit* const milter = find_unit(units, "milter.service");
  REQUIRE(milter != nullptr);
  CHECK(!milter->is_active());
  CHECK(!milter->is_enabled());
  CHECK(milter->result == "exit-code");
  CHECK(milter->condition == "no");
  CHECK(milter->before == std::vector<std::string>{"shutdown.target", "postfix@-.service"});
  CHECK(milter->supplementary_groups == std::vector<std::string>{"adm", "systemd-journal"});
  CHECK(find_unit(units, "nosuch.service") == nullptr);
  CHECK(find_unit(units, "other.service") == nullptr);
}

TEST_CASE("no output has no units") {
  CHECK(parse_units("").empty());
  CHECK(parse_units("\n\nnonsense\n").empty());
}
