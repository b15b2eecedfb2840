#include "base/text.h"
#include "fuzz.h"
#include "journal/segment.h"
#include "milter/connection.h"
#include "milter/recording_rules.h"

using namespace starttls;

namespace {

// Removes the bytes up to the next NUL and returns them, as libmilter's strings end.
std::string_view next(std::string_view& text) {
  const std::string_view word = text.substr(0, text.find('\0'));
  text.remove_prefix(std::min(text.size(), word.size() + 1));
  return word;
}

void require_kept_in_journal(const session::Session& session) {
  const std::string record = session::encode(session);
  fuzz::require(record.size() <= journal::max_payload_size && is_utf8(record));
  const auto again = session::decode(record);
  fuzz::require(again && *again == session);
}

// A failed handshake of the same client, as the log has it.
void check_failure(const milter::RecordingRules& rules, const session::LoggedFailure& failure) {
  const store::LogEvent event = rules.to_record(failure, {.number = 1, .text = {}}, "mx.example.test", true);
  fuzz::require(event.failure.has_value() != rules.excludes(failure).has_value());
  const std::string record = store::encode(event);
  fuzz::require(record.size() <= journal::max_payload_size && is_utf8(record));
  fuzz::require(store::decode_record(record).has_value());
}

}  // namespace

// Steps of a session with arbitrary content from a client and a mail server: the result is a record that can
// be written and read, and contains no mail address.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  std::string_view text = fuzz::text_of(bytes, size);
  const std::string_view mx = next(text);
  const std::string_view address = next(text);
  milter::Connection connection(Time{}, mx, {.address = address, .name = next(text)});
  while (!text.empty()) {
    const std::string_view word = next(text);
    const std::string_view rest = word.substr(std::min<std::size_t>(1, word.size()));
    switch (word.empty() ? 'a' : word.front()) {
      case 'h':
        connection.helo(rest);
        break;
      case 't':
        connection.tls({.version = rest, .cipher = next(text), .bits = next(text), .verify = next(text)});
        break;
      case 'm':
        connection.mail();
        break;
      case 'r':
        connection.recipient(rest);
        break;
      case 'e':
        connection.message_accepted();
        break;
      default:
        connection.transaction_aborted();
        break;
    }
  }
  const session::Session session = connection.ended(Time{});
  fuzz::require(session.helo.find('@') == std::string::npos);
  for (const auto& [domain, messages] : session.recipient_domains) {
    fuzz::require(domain.find('@') == std::string::npos && messages <= session.messages);
  }
  require_kept_in_journal(session);
  for (const auto keeping :
       {config::AddressDetail::full, config::AddressDetail::prefix, config::AddressDetail::none}) {
    config::MilterConfig configuration;
    configuration.mta_log = "journal";
    configuration.client_address = keeping;
    if (keeping == config::AddressDetail::prefix)
      configuration.sessions.excluded_log_services = {"postfix/submission"};
    if (keeping == config::AddressDetail::none) configuration.sessions.log_services = {"postfix/smtps"};
    const milter::RecordingRules rules(configuration, milter::PseudonymKey("key"));
    (void)rules.excludes(address, {.name = mx, .port = address});
    const auto kept = rules.to_record(session, false);
    fuzz::require(kept && (kept->client_address.empty() || keeping != config::AddressDetail::none));
    require_kept_in_journal(*kept);
    fuzz::require(!rules.to_record(session, true) || session.tls_version.empty());
    const std::string local = rules.find_local_network(address);
    fuzz::require(local.empty() || IpNetwork::parse(local)->contains(*IpAddress::parse(address)));
    constexpr std::size_t max_service = 100;
    check_failure(rules, {.client_address = session.client_address,
                          .service = printable(mx, max_service),
                          .implicit_tls = session.transactions > 0});
  }
  return 0;
}
