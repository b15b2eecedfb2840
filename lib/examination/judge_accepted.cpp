// All that a server accepts of TLS, found with Depth::thorough.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/counted.h"
#include "base/text.h"
#include "examination/judges.h"
#include "examination/ncsc.h"

namespace starttls::examination {
namespace {

using smtp::Stop;
using smtp::SuiteOrder;

constexpr std::size_t max_name = 100;  // bytes of a name that is shown

// Names by their rating, each once, in the order in which they were found.
class Rated {
 public:
  void add(Rating rating, std::string name) {
    std::vector<std::string>& names = names_[rating];
    if (std::ranges::find(names, name) == names.end()) names.push_back(std::move(name));
  }
  const std::vector<std::string>& of(Rating rating) const {
    static const std::vector<std::string> none;
    const auto found = names_.find(rating);
    return found == names_.end() ? none : found->second;
  }

 private:
  std::map<Rating, std::vector<std::string>> names_;
};

// The suite or group of the handshake comes first.
Rated rated_suites(const AddressFacts& address) {
  Rated rated;
  const auto add = [&rated](const std::string& suite) {
    rated.add(rate_suite(suite), printable(suite, max_name));
  };
  if (const smtp::Handshake* const tls = handshake_of(address)) add(tls->suite);
  for (const VersionFacts& version : address.versions) std::ranges::for_each(version.suites, add);
  return rated;
}

Rated rated_groups(const AddressFacts& address) {
  Rated rated;
  const auto add = [&rated](const std::string& name, int bits) {
    // The name of a curve says how long it is, and "DH" does not.
    const std::string shown = printable(name, max_name);
    rated.add(rate_group(name, bits), name == "DH" ? fmt::format("{} of {} bits", shown, bits) : shown);
  };
  const smtp::Handshake* const tls = handshake_of(address);
  if (tls != nullptr && !tls->group.empty()) add(tls->group, tls->group_bits);
  for (const VersionFacts& version : address.versions) {
    for (const GroupFacts& group : version.groups) add(group.name, group.bits);
  }
  return rated;
}

// One finding for each level: those that are good enough, those to be phased out, and the insufficient ones.
// `what`: "suite", "group".
void report_rated(const Rated& rated, Code code, const Subject& subject, std::string_view what,
                  std::string_view remedy, Report& report) {
  std::vector<std::string> sound = rated.of(Rating::good);
  std::ranges::copy(rated.of(Rating::sufficient), std::back_inserter(sound));
  if (!sound.empty())
    report.ok(code, subject, fmt::format("{}: {}", counted(sound.size(), what), fmt::join(sound, ", ")));
  if (const auto& old = rated.of(Rating::phase_out); !old.empty()) {
    report.add(
        code, Level::note, subject,
        {.seen = fmt::format("{} to be phased out: {}", counted(old.size(), what), fmt::join(old, ", ")),
         .why = "The guidelines advise to replace what is to be phased out.",
         .remedy = std::string(remedy)});
  }
  if (const auto& weak = rated.of(Rating::insufficient); !weak.empty()) {
    report.add(code, Level::warning, subject,
               {.seen = fmt::format("{} that the guidelines call insufficient: {}",
                                    counted(weak.size(), what), fmt::join(weak, ", ")),
                .why = "Mail of a sender that uses it does not resist an attacker of today.",
                .remedy = std::string(remedy)});
  }
}

// Why not all is known of the versions; nothing where it is.
std::optional<std::string> incomplete(const AddressFacts& address) {
  for (const VersionFacts& version : address.versions) {
    if (!version.incomplete.empty()) {
      return fmt::format("not all that the server accepts of {} is known: {}", to_string(version.version),
                         version.incomplete);
    }
  }
  return std::nullopt;
}

bool is_weaker(Rating left, Rating right) {
  return left > right;
}

// Good and sufficient suites may come in any order.
Rating rank_of(const std::string& suite) {
  return std::max(rate_suite(suite), Rating::sufficient);
}

// A version whose suites differ in strength, so that it matters which is chosen.
bool is_mixed(const VersionFacts& version) {
  return std::ranges::adjacent_find(version.suites, [](const auto& left, const auto& right) {
           return rank_of(left) != rank_of(right);
         }) != version.suites.end();
}

// What is wrong with the choice among suites of different strength; "" if nothing is.
std::string fault_of_order(const VersionFacts& version) {
  if (version.order == SuiteOrder::client)
    return fmt::format("with {} the client chooses the suite", to_string(version.version));
  const auto before_a_better = std::ranges::adjacent_find(
      version.suites,
      [](const auto& left, const auto& right) { return is_weaker(rank_of(left), rank_of(right)); });
  if (before_a_better == version.suites.end()) return {};
  return fmt::format("with {} the server prefers {} to the better {}", to_string(version.version),
                     printable(*before_a_better, max_name), printable(*std::next(before_a_better), max_name));
}

void judge_order(const AddressFacts& address, const Subject& subject, Report& report) {
  bool matters = false;
  for (const VersionFacts& version : address.versions) {
    if (version.order == SuiteOrder::unknown || !is_mixed(version)) continue;
    matters = true;
    const std::string fault = fault_of_order(version);
    if (fault.empty()) continue;
    report.add(Code::tls_suite_order, Level::note, subject,
               {.seen = fault,
                .why = "A sender may use a weaker suite than both know.",
                .remedy = "Let the server choose, and give it the better suites first (Postfix: "
                          "tls_preempt_cipherlist)."});
    return;
  }
  if (matters) report.ok(Code::tls_suite_order, subject, "the server chooses, and the better suites first");
}

void judge_compression(const smtp::ProbeFacts& probe, const Subject& subject, Report& report) {
  if (probe.accepts_compression.value_or(false)) {
    report.add(
        Code::tls_compression, Level::warning, subject,
        {.seen = "the server compresses inside TLS",
         .why = "The length of what is sent then shows parts of it to those who can add to it (CRIME).",
         .remedy = "Switch the compression of TLS off."});
    return;
  }
  // A server without TLS 1.2 and older has no compression to offer.
  if (probe.accepts_compression || probe.stop == Stop::handshake)
    return report.ok(Code::tls_compression, subject, "there is no compression inside TLS");
  report.add(
      Code::tls_compression, Level::cannot_tell, subject,
      {.seen = fmt::format("the connection that offers compression did not get that far: {}", probe.reason),
       .why = "Whether the server compresses is unknown. Mostly it limits how often this host may connect.",
       .remedy = "Try again after some minutes."});
}

}  // namespace

void judge_accepted(const AddressFacts& address, const Subject& subject, Report& report) {
  report_rated(rated_suites(address), Code::tls_suite, subject, "suite",
               "Allow only ECDHE suites with AES-GCM or CHACHA20. First see in the server's log which suites "
               "senders use.",
               report);
  report_rated(rated_groups(address), Code::tls_key_exchange, subject, "group",
               "Allow the groups X25519, P-256 and P-384.", report);
  if (const auto reason = incomplete(address)) {
    report.add(Code::tls_suite, Level::cannot_tell, subject,
               {.seen = *reason,
                .why = "There may be weaker ones. Mostly the server limits how often this host may connect.",
                .remedy = "Try again after some minutes, or from a host that it knows."});
  }
  judge_order(address, subject, report);
  if (address.compressed) judge_compression(*address.compressed, subject, report);
}

}  // namespace starttls::examination
