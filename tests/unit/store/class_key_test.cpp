#include "store/class_key.h"

#include <set>
#include <utility>

#include "examples.h"

using namespace starttls;
using namespace starttls::session;
using namespace starttls::store;
using namespace starttls::test;

TEST_CASE("a class has the same key in every version of the program, on each day") {
  SessionClass of = session_class(tls_session());
  CHECK(class_key(of) == "47dc0029-b761-d35d-591f-03e6109478cb");
  of.day += std::chrono::days{1};
  CHECK(class_key(of) == "47dc0029-b761-d35d-591f-03e6109478cb");
}

TEST_CASE("every difference except the day makes another key") {
  const SessionClass of = session_class(tls_session());
  std::set<std::string> keys{class_key(of)};
  const auto changed = [&](auto change) {
    SessionClass other = of;
    change(other);
    keys.insert(class_key(other));
  };
  changed([](SessionClass& c) { c.receiving_mx += "x"; });
  changed([](SessionClass& c) { c.client_address += "x"; });
  changed([](SessionClass& c) { c.client_name += "x"; });
  changed([](SessionClass& c) { c.outcome = Outcome::plaintext; });
  changed([](SessionClass& c) { c.tls_version += "x"; });
  changed([](SessionClass& c) { c.cipher += "x"; });
  changed([](SessionClass& c) { ++c.cipher_bits; });
  changed([](SessionClass& c) { c.client_certificate = ClientCertificate::none; });
  changed([](SessionClass& c) { c.failure = session::HandshakeFailure::unknown_ca; });
  changed([](SessionClass& c) { c.downgraded = true; });
  // The same letters in another column.
  changed([](SessionClass& c) { c.client_address += std::exchange(c.client_name, ""); });
  CHECK(keys.size() == 12);
}
