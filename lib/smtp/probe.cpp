#include "smtp/probe.h"

#include "base/enum_words.h"

namespace starttls::smtp {
namespace {

constexpr auto step_words = enum_words<Step>({{Step::connection, "connection"},
                                              {Step::greeting, "greeting"},
                                              {Step::ehlo, "ehlo"},
                                              {Step::starttls, "starttls"},
                                              {Step::handshake, "handshake"},
                                              {Step::second_ehlo, "second-ehlo"},
                                              {Step::quit, "quit"},
                                              {Step::done, "done"}});

constexpr auto stop_words = enum_words<Stop>({{Stop::none, "none"},
                                              {Stop::not_allowed, "not-allowed"},
                                              {Stop::local_error, "local-error"},
                                              {Stop::unreachable, "unreachable"},
                                              {Stop::refused, "refused"},
                                              {Stop::timeout, "timeout"},
                                              {Stop::too_slow, "too-slow"},
                                              {Stop::closed, "closed"},
                                              {Stop::deferred, "deferred"},
                                              {Stop::rejected, "rejected"},
                                              {Stop::no_starttls, "no-starttls"},
                                              {Stop::starttls_rejected, "starttls-rejected"},
                                              {Stop::protocol, "protocol"},
                                              {Stop::handshake, "handshake"}});

constexpr auto version_words = enum_words<TlsVersion>({{TlsVersion::tls1_0, "TLSv1"},
                                                       {TlsVersion::tls1_1, "TLSv1.1"},
                                                       {TlsVersion::tls1_2, "TLSv1.2"},
                                                       {TlsVersion::tls1_3, "TLSv1.3"}});

}  // namespace

std::string_view to_string(Step step) {
  return step_words.word(step);
}

std::string_view to_string(Stop stop) {
  return stop_words.word(stop);
}

std::string_view to_string(TlsVersion version) {
  return version_words.word(version);
}

}  // namespace starttls::smtp
