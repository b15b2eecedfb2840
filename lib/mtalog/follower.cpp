#include "mtalog/follower.h"

#include <string_view>
#include <utility>
#include <vector>

#include "base/text.h"
#include "mtalog/failure_parser.h"
#include "mtalog/file_follower.h"
#include "mtalog/journal_follower.h"
#include "mtalog/line_parser.h"
#include "mtalog/outbound_parser.h"

namespace starttls::mtalog {
namespace {

// `Parser` has first_needed() and so on.
template <typename Parser, typename Callbacks>
class ParserOf : public LineParser {
 public:
  explicit ParserOf(Callbacks callbacks) : callbacks_(std::move(callbacks)) {}

  void report_position(const session::LogPosition& position) override { callbacks_.position(position); }
  std::optional<std::uint64_t> first_needed() const override { return parser_.first_needed(); }
  std::optional<Time> first_needed_time() const override { return parser_.first_needed_time(); }
  bool is_needed(std::uint64_t place) const override { return parser_.is_needed(place); }

 protected:
  Parser parser_;
  const Callbacks callbacks_;
};

class InboundFailures final : public ParserOf<FailureParser, FollowerCallbacks> {
 public:
  using ParserOf::ParserOf;

  bool add(const Line& line, Time time, std::uint64_t place) override {
    failure_ = parser_.add(line, time, place);
    return failure_.has_value();
  }
  void report(const session::LogPosition& after) override { callbacks_.failure(*failure_, after); }
  std::uint64_t session_lines() const override { return parser_.session_lines(); }
  bool is_of_mail_server(std::string_view text) const override {
    return text.contains("smtpd") || text.contains("STARTTLS=server");
  }
  Words words() const override {
    return {.subject = "the reasons of failed handshakes",
            .unknown = "why their handshakes failed",
            .manual = "tlsrpt-milter(8)"};
  }

 private:
  std::optional<session::LoggedFailure> failure_;
};

class OutboundHandshakes final : public ParserOf<OutboundParser, OutboundCallbacks> {
 public:
  using ParserOf::ParserOf;

  bool add(const Line& line, Time time, std::uint64_t place) override {
    handshakes_ = parser_.add(line, time, place);
    return !handshakes_.empty();
  }
  void report(const session::LogPosition& after) override { callbacks_.handshakes(handshakes_, after); }
  std::uint64_t session_lines() const override { return parser_.delivery_lines(); }
  std::uint64_t unclear_lines() const override { return parser_.unclear_lines(); }
  bool is_of_mail_server(std::string_view text) const override {
    return text.contains("/smtp[") || text.contains("STARTTLS=client");
  }
  Words words() const override {
    return {.subject = "results of outbound TLS handshakes",
            .unknown = "how their handshakes ended",
            .manual = "tlsrpt-collector(8)"};
  }

 private:
  std::vector<OutboundHandshake> handshakes_;
};

Result<std::unique_ptr<Follower>> start(event::Loop& loop, const std::string& source,
                                        const std::optional<session::LogPosition>& from, Clock clock,
                                        std::unique_ptr<LineParser> parser) {
  constexpr std::string_view journal = "journal";
  constexpr std::string_view journal_directory_prefix = "journal:";
  if (source == journal) return JournalFollower::start(loop, "", from, std::move(clock), std::move(parser));
  if (source.starts_with(journal_directory_prefix)) {
    return JournalFollower::start(loop, source.substr(journal_directory_prefix.size()), from,
                                  std::move(clock), std::move(parser));
  }
  if (source.starts_with('/'))
    return FileFollower::start(loop, source, from, std::move(clock), std::move(parser));
  return fail(Fault::config, "'{}' is no log that can be followed", printable(source));
}

}  // namespace

Result<std::unique_ptr<Follower>> follow(event::Loop& loop, const std::string& source,
                                         const std::optional<session::LogPosition>& from, Clock clock,
                                         FollowerCallbacks callbacks) {
  return start(loop, source, from, std::move(clock), std::make_unique<InboundFailures>(std::move(callbacks)));
}

Result<std::unique_ptr<Follower>> follow(event::Loop& loop, const std::string& source,
                                         const std::optional<session::LogPosition>& from, Clock clock,
                                         OutboundCallbacks callbacks) {
  return start(loop, source, from, std::move(clock),
               std::make_unique<OutboundHandshakes>(std::move(callbacks)));
}

}  // namespace starttls::mtalog
