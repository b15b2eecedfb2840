#include "listtool/serve/admission.h"

#include <map>

#include "support.h"

using namespace starttls;
using namespace starttls::listtool::serve;
using Refusal = Admission::Refusal;

namespace {

DomainName name(const std::string& text) {
  return test::good(DomainName::parse(text));
}

enum class Outcome { waits, admitted, full, owner };

struct Scene {
  explicit Scene(AdmissionLimits limits) : admission(loop, limits) {}

  Outcome enter(const std::string& domain, bool is_known = false) {
    event::spawn(enter_and_note(domain, is_known));
    return outcomes[domain];
  }
  event::Task<> enter_and_note(std::string domain, bool is_known) {
    outcomes[domain] = Outcome::waits;
    const auto refusal = co_await admission.admit(name(domain), is_known, [&] { ++waiting; });
    outcomes[domain] = !refusal                    ? Outcome::admitted
                       : *refusal == Refusal::full ? Outcome::full
                                                   : Outcome::owner;
  }

  event::Loop loop;
  std::map<std::string, Outcome> outcomes;
  int waiting = 0;
  Admission admission;
};

}  // namespace

TEST_CASE("a quarter of the places is kept for known domains, and a quarter for new ones") {
  for (const bool crowd_is_known : {false, true}) {
    Scene scene({.max_concurrent = 8, .max_waiting = 0});
    for (int i = 0; i < 6; ++i) {
      CHECK(scene.enter(fmt::format("crowd{}.test", i), crowd_is_known) == Outcome::admitted);
    }
    CHECK(scene.enter("late.test", crowd_is_known) == Outcome::full);
    CHECK(scene.enter("a.test", !crowd_is_known) == Outcome::admitted);
    CHECK(scene.enter("b.test", !crowd_is_known) == Outcome::admitted);
    CHECK(scene.enter("c.test", !crowd_is_known) == Outcome::full);
    scene.admission.release(name("a.test"));
    CHECK(scene.enter("d.test", !crowd_is_known) == Outcome::admitted);
  }
}

TEST_CASE("a domain that waits for its policy host takes no place from those that ask the DNS") {
  Scene scene({.max_concurrent = 1, .max_waiting = 0});
  Admission& admission = scene.admission;
  for (int i = 0; i < 100; ++i) {
    const std::string domain = fmt::format("silent{}.test", i);
    CHECK(scene.enter(domain) == Outcome::admitted);
    CHECK(admission.asking() == 1);
    admission.wait_for_host(name(domain));
    admission.wait_for_host(name(domain));
  }
  CHECK(admission.asking() == 0);
  CHECK(admission.waiting_for_hosts() == 100);
  for (int i = 0; i < 100; ++i) admission.release(name(fmt::format("silent{}.test", i)));
  CHECK(admission.waiting_for_hosts() == 0);
  admission.wait_for_host(name("nobody.test"));
}

TEST_CASE("if all places are taken a domain waits for a while, but not behind many domains of one owner") {
  Scene scene({.max_concurrent = 4, .max_waiting = 2, .max_wait = std::chrono::milliseconds(20)});
  for (const char* const domain : {"a.crowd.test", "b.crowd.test", "c.crowd.test"}) scene.enter(domain);
  CHECK(scene.enter("d.crowd.test") == Outcome::waits);
  CHECK(scene.enter("honest.test") == Outcome::waits);
  CHECK(scene.waiting == 2);
  CHECK(scene.enter("e.crowd.test") == Outcome::full);
  scene.admission.release(name("a.crowd.test"));
  CHECK(scene.outcomes["honest.test"] == Outcome::admitted);
  CHECK(scene.outcomes["d.crowd.test"] == Outcome::waits);
  while (scene.outcomes["d.crowd.test"] == Outcome::waits) {
    event::Timer look(scene.loop, [&] { scene.loop.stop(); });
    look.start(std::chrono::milliseconds(1));
    scene.loop.run();
  }
  CHECK(scene.outcomes["d.crowd.test"] == Outcome::full);
}

TEST_CASE("the domains of one owner have a share, also while they wait for policy hosts") {
  Scene scene({.max_concurrent = 100, .max_per_owner = 3});
  for (int i = 0; i < 3; ++i) {
    CHECK(scene.enter(fmt::format("d{}.attacker.co.uk", i)) == Outcome::admitted);
    scene.admission.wait_for_host(name(fmt::format("d{}.attacker.co.uk", i)));
  }
  CHECK(scene.enter("d4.attacker.co.uk") == Outcome::owner);
  CHECK(scene.enter("attacker.co.uk") == Outcome::admitted);
  CHECK(scene.enter("known.attacker.co.uk", true) == Outcome::admitted);
  CHECK(scene.enter("honest.co.uk") == Outcome::admitted);
  CHECK(scene.enter("www.honest.co.uk") == Outcome::admitted);
  for (const char* const left : {"d0", "d1", "known"}) {
    scene.admission.release(name(fmt::format("{}.attacker.co.uk", left)));
  }
  CHECK(scene.enter("d5.attacker.co.uk") == Outcome::admitted);
}

TEST_CASE("the minimum number of places is one") {
  Scene scene({.max_concurrent = 0, .max_per_owner = 0, .max_waiting = 0});
  CHECK(scene.enter("a.b.test") == Outcome::admitted);
  CHECK(scene.enter("c.test") == Outcome::full);
}
