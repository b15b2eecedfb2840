#include "load/attempts.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "load/identity.h"

namespace starttls::load {
namespace {

using store::ClassCount;
using store::SessionClass;

struct Recorded {
  SessionClass of;
  ClassCount count;
};

std::string domain_of(const std::string& recipient) {
  std::string domain = recipient.substr(recipient.rfind('@') + 1);
  std::ranges::transform(domain, domain.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return domain;
}

// The record of a session that runs to its end. It is computed from the script, without the code under test.
Recorded whole(const Script& script, Day day) {
  Recorded recorded;
  recorded.of.day = day;
  recorded.of.receiving_mx = script.receiving_mx;
  recorded.of.client_address = script.client_address;
  recorded.of.client_name = script.client_name;
  recorded.of.outcome = script.messages.empty() ? session::Outcome::no_mail : session::Outcome::plaintext;
  if (script.tls) {
    recorded.of.outcome = session::Outcome::tls;
    recorded.of.tls_version = script.tls->version;
    recorded.of.cipher = script.tls->cipher;
    recorded.of.cipher_bits = static_cast<std::uint32_t>(std::stoul(script.tls->bits));
    if (!script.tls->cert_subject.empty()) {
      recorded.of.client_certificate = session::ClientCertificate::trusted;
    }
  }
  recorded.count.total.sessions = 1;
  for (const Message& message : script.messages) {
    const std::uint64_t accepted = message.accepted ? 1 : 0;
    recorded.count.total.messages += accepted;
    for (const std::string& recipient : message.recipients) {
      store::Tally& tally = recorded.count.recipient_domains[domain_of(recipient)];
      tally.sessions = 1;
      tally.messages += accepted;
    }
  }
  return recorded;
}

// The same record, with the failure of the handshake from the log.
Recorded failed(Recorded recorded, std::string_view failure) {
  recorded.of.outcome = session::Outcome::failed;
  recorded.of.failure = session::parse_handshake_failure(failure).value();
  return recorded;
}

// Whether the class is that of the failed session if it is known only from the log.
bool is_logs_own(const SessionClass& of, const Recorded& failed) {
  return of.day == failed.of.day && of.client_address == failed.of.client_address && of.client_name.empty() &&
         of.outcome == failed.of.outcome && of.failure == failed.of.failure && of.tls_version.empty();
}

// Whether the count could be that of the session before its end.
bool is_begin_of(const SessionClass& of, const ClassCount& count, const Recorded& whole) {
  const bool no_tls_yet = of.tls_version.empty() && of.cipher.empty() && of.cipher_bits == 0;
  const bool tls = of.tls_version == whole.of.tls_version && of.cipher == whole.of.cipher &&
                   of.cipher_bits == whole.of.cipher_bits;
  return of.receiving_mx == whole.of.receiving_mx && of.client_address == whole.of.client_address &&
         (no_tls_yet || tls) && count.total.messages <= whole.count.total.messages &&
         std::ranges::all_of(count.recipient_domains, [&](const auto& domain) {
           const auto found = whole.count.recipient_domains.find(domain.first);
           return found != whole.count.recipient_domains.end() && domain.second.sessions == 1 &&
                  domain.second.messages <= found->second.messages;
         });
}

std::string_view word(Fate fate) {
  switch (fate) {
    case Fate::open:
      return "open";
    case Fate::closed:
      return "closed";
    case Fate::cut:
      return "cut";
    case Fate::broken:
      return "broken";
    case Fate::ended:
      return "ended by TERM";
    case Fate::late:
      return "late";
    case Fate::declined:
      return "declined";
  }
  std::unreachable();
}

bool must_be_whole(Fate fate) {
  return fate == Fate::closed || fate == Fate::cut;
}

}  // namespace

Script Attempts::begin() {
  const auto number = static_cast<std::uint32_t>(fates_.size());
  fates_.push_back(Fate::open);
  recorded_.push_back(false);
  return numbered_script(number);
}

void Attempts::set(const Script& script, Fate fate) {
  fates_.at(number_of(script.client_name).value()) = fate;
}

std::size_t Attempts::count(Fate fate) const {
  return static_cast<std::size_t>(std::ranges::count(fates_, fate));
}

Audit Attempts::audit(const store::DailyCounts& counts, Log log) {
  Audit audit;
  std::vector<bool> seen(fates_.size());
  store::ClassCount expected;  // the sum over the complete sessions, from the scripts
  store::ClassCount found;     // the same from the store
  const auto fault = [&](std::string text) { audit.faults.push_back(std::move(text)); };

  for (const auto& [of, count] : counts) {
    audit.messages += count.total.messages;
    const bool known_by_log = log != Log::none && of.client_name.empty();
    const auto number = known_by_log ? number_of_address(of.client_address) : number_of(of.client_name);
    if (!number || *number >= fates_.size()) {
      fault(fmt::format("a session of '{}', which never was", of.client_name));
      continue;
    }
    const Fate fate = fates_[*number];
    const auto name = fmt::format("session {} ({})", *number, word(fate));
    if (seen[*number] || count.total.sessions != 1) fault(name + ": recorded more than once");
    seen[*number] = true;
    if (fate == Fate::broken || fate == Fate::declined) fault(name + ": recorded");
    Recorded should = whole(numbered_script(*number), of.day);
    const std::string_view failure = log == Log::none ? std::string_view() : failure_of(*number);
    if (!failure.empty()) {
      const Recorded without_reason = std::exchange(should, failed(should, failure));
      if (of == without_reason.of && log == Log::behind) {
        should = without_reason;
        ++audit.without_reason;
      } else {
        ++audit.failed;
      }
    }
    // The milter was killed before it received the session, but the log contains it.
    const bool is_logs = known_by_log && !failure.empty() && fate == Fate::cut && is_logs_own(of, should);
    audit.known_by_log += is_logs ? 1U : 0U;
    const bool is_whole = (is_logs || of == should.of) && count == should.count;
    if (must_be_whole(fate) ? !is_whole : !is_begin_of(of, count, should)) {
      fault(fmt::format("{}: wrong content: {} {}", name, to_string(of.outcome), to_string(of.failure)));
    }
    if (!must_be_whole(fate)) continue;
    expected.total += should.count.total;
    found.total += count.total;
    for (const auto& [domain, tally] : should.count.recipient_domains) {
      expected.recipient_domains[domain] += tally;
    }
    for (const auto& [domain, tally] : count.recipient_domains) found.recipient_domains[domain] += tally;
  }
  if (expected != found) fault("the totals differ");

  for (std::size_t number = 0; number < fates_.size(); ++number) {
    const Fate fate = fates_[number];
    const bool required = fate == Fate::closed || fate == Fate::ended;
    if (!seen[number] && required) fault(fmt::format("session {} ({}): lost", number, word(fate)));
    if (!seen[number] && recorded_[number]) fault(fmt::format("session {}: recorded once, now gone", number));
    audit.cut_recorded += fate == Fate::cut && seen[number] ? 1U : 0U;
    audit.late_recorded += fate == Fate::late && seen[number] ? 1U : 0U;
  }
  recorded_ = std::move(seen);
  audit.closed = count(Fate::closed);
  audit.cut = count(Fate::cut);
  audit.broken = count(Fate::broken);
  audit.ended = count(Fate::ended);
  audit.late = count(Fate::late);
  audit.declined = count(Fate::declined);
  return audit;
}

}  // namespace starttls::load
