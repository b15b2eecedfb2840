#include "examination/server_probes.h"

#include <fmt/format.h>

namespace starttls::examination {

event::Task<std::shared_ptr<const ServerFacts>> ServerProbes::ask(smtp::ProbeRequest request) {
  const Key key{fmt::format("{} {}", request.address.text(), request.port), request.sni};
  const auto [place, is_new] = entries_.try_emplace(key);
  Entry& entry = place->second;  // a map does not move its entries
  if (entry.facts) co_return entry.facts;
  if (!is_new) {
    event::Completion<bool> done;
    entry.waiting.push_back(&done);
    co_await done;
    co_return entry.facts;
  }
  ServerFacts facts = co_await connect(std::move(request));
  entry.facts = std::make_shared<const ServerFacts>(std::move(facts));
  for (event::Completion<bool>* const waiting : std::exchange(entry.waiting, {})) waiting->complete(true);
  co_return entry.facts;
}

event::Task<ServerFacts> ServerProbes::connect(smtp::ProbeRequest request) {
  ServerFacts facts;
  request.min_version = smtp::TlsVersion::tls1_2;
  request.max_version = smtp::TlsVersion::tls1_3;
  facts.newest = co_await probe_(request);
  // A server that has no TLS to offer, or does not answer, is not asked again.
  if (!facts.newest.tls && facts.newest.stop != smtp::Stop::handshake) co_return facts;
  smtp::ProbeRequest old = request;
  old.min_version = smtp::TlsVersion::tls1_0;
  old.max_version = smtp::TlsVersion::tls1_1;
  facts.oldest = co_await probe_(std::move(old));
  if (!inject_) co_return facts;
  request.inject = true;
  facts.injected = co_await probe_(std::move(request));
  co_return facts;
}

}  // namespace starttls::examination
