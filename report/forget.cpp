#include <fmt/format.h>

#include "base/console.h"
#include "base/domain.h"
#include "base/try.h"
#include "report/commands.h"
#include "store/open_store.h"
#include "store/sending_domain.h"

namespace starttls::report {
namespace {

struct Values {
  std::vector<std::string> senders;
};

void declare(Options& options, Values& values) {
  options.arguments("SENDER", values.senders, "Sending domain, as 'downgrades' names it").required();
}

Result<int> run(const Values& values, const Context& context) {
  std::vector<DomainName> domains;
  for (const std::string& sender : values.senders) {
    auto domain = DomainName::parse(sender);
    if (!domain) return fail(Fault::usage, "{}", domain.error().message);
    domains.push_back(std::move(*domain));
  }
  const store::StoreLocation location = store_location(context.configuration);
  const store::SendingDomainFinder sending_domain = TRY(store::sending_domain());
  const auto store = TRY(store::open_store(location, store::Access::read_write));
  const auto waiting = TRY(store::senders_in_journal(location, sending_domain));
  int status = 0;
  for (const DomainName& domain : domains) {
    const bool was_stored = TRY(store->forget_sender(domain.str(), context.clock()));
    const bool was_known = was_stored || waiting.contains(domain.str());
    if (!was_known) status = 1;
    TRY(print(fmt::format("{}: {}\n", domain.str(), was_known ? "forgotten" : "no TLS history")));
  }
  return status;
}

}  // namespace

Command forget_command() {
  return make_command(
      {.name = "forget",
       .summary = "Remove the TLS history of senders, so that plaintext from them is no downgrade",
       .example = "tlsrpt-report forget sender.example"},
      declare, run);
}

}  // namespace starttls::report
