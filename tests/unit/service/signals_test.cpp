#include "service/signals.h"

#include <unistd.h>

#include <vector>

#include "support.h"

using namespace starttls;

TEST_CASE("signals arrive as events of the loop") {
  auto descriptor = test::good(service::Signals::block({SIGUSR1, SIGUSR2}));
  event::Loop loop;
  std::vector<int> arrived;
  const service::Signals signals(loop, std::move(descriptor), [&](int number) {
    arrived.push_back(number);
    if (arrived.size() == 2) loop.stop();
  });
  ::kill(::getpid(), SIGUSR1);
  ::kill(::getpid(), SIGUSR2);
  loop.run();
  CHECK(arrived == std::vector{SIGUSR1, SIGUSR2});
}
