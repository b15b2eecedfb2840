// Asks a daemon whether it answers, as its mail server does, and hangs up.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "base/result.h"
#include "config/address.h"

namespace starttls::doctor {

inline constexpr std::chrono::milliseconds answer_time_limit{5'000};

// Negotiates as a mail server does at the beginning of a session (the milter protocol, version 6), and quits:
// the milter records nothing. Fault::unavailable if nobody listens, Fault::permission if this user may not
// connect, Fault::temporary without an answer in time, Fault::data if it is no milter.
Result<void> ask_milter(const config::Address& address,
                        std::chrono::milliseconds time_limit = answer_time_limit);

// Whether a program receives datagrams at the unix socket. Nothing is sent. Fault::unavailable if none does,
// Fault::permission if this user may not send to it.
Result<void> find_receiver(const std::string& path);

// The reply to a request of socketmap_table(5), such as "postfix example.org". Errors as above; Fault::data if
// the reply is no netstring.
Result<std::string> ask_socketmap(const config::Address& address, std::string_view request,
                                  std::chrono::milliseconds time_limit = answer_time_limit);

}  // namespace starttls::doctor
