#include "milter/known_senders.h"

#include "store/fold.h"
#include "support.h"

using namespace starttls;
using namespace starttls::config;
using namespace starttls::session;
using namespace starttls::store;
using namespace starttls::milter;
using namespace starttls::test;

namespace {

const Time now = at("2026-11-22T12:00:00Z");

std::string domain_of(const std::string& name) {
  return name.substr(name.find('.') + 1);
}

struct Memory {
  TemporaryFolder folder;
  std::unique_ptr<store::Store> store = good(store::open_sqlite_store(folder / "s", store::Access::owner));
  KnownSenders known{domain_of};
  int segments = 0;

  void see_tls(const std::string& client_name, int times) {
    const store::SendingDomainFinder sender = domain_of;
    store::SegmentContent content(sender);
    for (int i = 0; i < times; ++i) {
      content.add(session::Session{.begin = now,
                                   .client_name = client_name,
                                   .helo = "h",
                                   .tls_version = "TLSv1.3",
                                   .transactions = 1});
    }
    good(store::fold(*store, std::to_string(segments++), std::move(content), now, now, {}));
  }
};

MilterConfig refusing(std::uint64_t after, std::initializer_list<const char*> exempt = {}) {
  MilterConfig configuration;
  configuration.on_downgrade = OnDowngrade::tempfail;
  configuration.downgrade_after = after;
  for (const char* domain : exempt) configuration.downgrade_exempt.push_back(good(DomainName::parse(domain)));
  return configuration;
}

}  // namespace

TEST_CASE("a sender with enough sessions over TLS is refused in plaintext from each of its hosts") {
  Memory memory;
  memory.see_tls("mx1.sender.test", 3);
  memory.see_tls("mx1.stranger.test", 2);
  good(memory.known.configure(refusing(3)));
  CHECK_FALSE(memory.known.refuses_plaintext("mx1.sender.test"));
  good(memory.known.refresh(*memory.store));
  CHECK(memory.known.refuses_plaintext("mx2.sender.test"));
  CHECK_FALSE(memory.known.refuses_plaintext("mx1.stranger.test"));
  CHECK_FALSE(memory.known.refuses_plaintext(""));
}

TEST_CASE("no sender is refused by default, and an exempt sender never") {
  Memory memory;
  memory.see_tls("mx1.sender.test", 30);
  good(memory.known.configure(config::MilterConfig()));
  good(memory.known.refresh(*memory.store));
  CHECK_FALSE(memory.known.refuses_plaintext("mx1.sender.test"));
  good(memory.known.configure(refusing(1, {"sender.test"})));
  good(memory.known.refresh(*memory.store));
  CHECK_FALSE(memory.known.refuses_plaintext("mx1.sender.test"));
  good(memory.known.configure(refusing(1)));
  CHECK(memory.known.refuses_plaintext("mx1.sender.test"));
}

TEST_CASE("a sender that was removed from the store is no longer refused") {
  Memory memory;
  memory.see_tls("mx1.sender.test", 1);
  good(memory.known.configure(refusing(1)));
  good(memory.known.refresh(*memory.store));
  CHECK(memory.known.refuses_plaintext("mx1.sender.test"));
  CHECK(good(memory.store->forget_sender("sender.test", now)));
  good(memory.known.refresh(*memory.store));
  CHECK_FALSE(memory.known.refuses_plaintext("mx1.sender.test"));
}

TEST_CASE("the senders to refuse are read as soon as that is configured, if the store can be read") {
  Memory memory;
  memory.see_tls("mx1.sender.test", 3);
  const auto open = [&] { return store::open_sqlite_store(memory.folder / "s", store::Access::read); };
  good(memory.known.configure(refusing(3), open));
  CHECK(memory.known.refuses_plaintext("mx1.sender.test"));
  good(memory.known.configure(refusing(4), open));
  CHECK_FALSE(memory.known.refuses_plaintext("mx1.sender.test"));
  const auto none = [] { return Result<std::unique_ptr<store::Store>>(fail(Fault::unavailable, "away")); };
  CHECK(bad(memory.known.configure(refusing(3), none)).message == "away");
  good(memory.known.refresh(*memory.store));
  CHECK(memory.known.refuses_plaintext("mx1.sender.test"));
}
