// Examines domains over the network, as the configuration says: the DNS, policy hosts, mail servers, lists.
//
//   const auto examiner = TRY(Examiner::create(settings, context));
//   facts = TRY(examiner->loop().run_until_complete(...));     with co_await examiner->gatherer().gather(domain)
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/domain.h"
#include "base/result.h"
#include "dns/answer.h"
#include "event/loop.h"
#include "examination/gather.h"
#include "listtool/context.h"

namespace starttls::listtool {

// Domains that are examined at the same time: the facts about each are in memory. Of thousands, hundreds may wait
// minutes for servers that are silent or slow on purpose, and the others must not wait for these.
inline constexpr std::size_t max_examinations = 1'000;

struct ExaminerSettings {
  unsigned days = 7;  // from DomainFacts::now to DomainFacts::later
  bool no_smtp = false;
  bool thorough = false;  // see examination::Depth
  unsigned rate = 100;    // connections to mail servers a second, at most
  std::string ehlo;       // "": the name of this host
  std::optional<DomainName> only_host;
  // By the name of an MX host. Only these endpoints may be private addresses.
  std::map<std::string, examination::Endpoint> connect;
};

// Adds "MX=ADDRESS:PORT", with an IPv6 address in brackets, to the endpoints. Fault::usage.
Result<void> add_endpoint(std::map<std::string, examination::Endpoint>& connect, const std::string& text);

// The name of --ehlo. Fault::usage.
Result<void> set_ehlo(ExaminerSettings& settings, const std::string& text);

// The name of this host, "localhost" where it has none that is valid: as an Examiner greets mail servers.
std::string host_name();

class Examiner {
 public:
  // Errors of the configuration. The context must outlive the examiner.
  static Result<std::unique_ptr<Examiner>> create(ExaminerSettings settings, const Context& context);

  Examiner(const Examiner&) = delete;
  Examiner& operator=(const Examiner&) = delete;
  ~Examiner();

  event::Loop& loop();
  examination::Gatherer& gatherer();

  // Of what the facts do not have.
  event::Task<dns::Answer> ask(std::string name, dns::Type type);

  // Called at each connection to a mail server.
  void on_connection(std::function<void()> callback);

 private:
  class Network;
  explicit Examiner(std::unique_ptr<Network> network);
  std::unique_ptr<Network> network_;
};

}  // namespace starttls::listtool
