// Results for tests.
#pragma once

#include <string>

#include "outbound/counts.h"
#include "support.h"

namespace starttls::test {

inline const Time noon = at("2026-11-22T12:00:00Z");

// A datagram about a handshake with a host of this domain, which has an MTA-STS policy. `details`: of its failures;
// "": it was successful.
inline std::string datagram(const std::string& domain = "example.org", const std::string& details = "") {
  return R"({"dpv":"1","d":")" + domain + R"(","pr":"v=TLSRPTv1; rua=mailto:tls@)" + domain +
         R"(","policies":[{"policy-type":2,"policy-domain":")" + domain +
         R"(","policy-string":["version: STSv1","mode: enforce"],"mx-host":["mx.)" + domain +
         R"("],"failure-details":[)" + details + R"(],"f":)" + (details.empty() ? "0" : "1") + "}]}";
}

inline std::string failed_datagram(const std::string& domain = "example.org",
                                   const std::string& reason = "no match") {
  return datagram(domain, R"({"c":202,"s":"192.0.2.1","n":"mx.)" + domain + R"(","f":")" + reason + R"("})");
}

inline outbound::ReceivedResult received(const std::string& text, Time when = noon) {
  return {.received = when, .datagram = text};
}

}  // namespace starttls::test
