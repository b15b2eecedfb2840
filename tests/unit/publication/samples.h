// Domains with their wishes, for the tests of this component.
#pragma once

#include <string>
#include <vector>

#include "publication/publication.h"
#include "support.h"

namespace starttls::publication {

inline DomainName name(const std::string& text) {
  return test::good(DomainName::parse(text));
}

inline std::vector<mtasts::MxPattern> patterns(const std::vector<std::string>& texts) {
  std::vector<mtasts::MxPattern> all;
  for (const std::string& text : texts) all.push_back(test::good(mtasts::MxPattern::parse(text)));
  return all;
}

inline mtasts::Policy policy(mtasts::Mode mode, const std::vector<std::string>& mx, long max_age) {
  return {.mode = mode, .mx = patterns(mx), .max_age = std::chrono::seconds(max_age)};
}

inline Wanted wanted() {
  return {.domain = name("example.org"),
          .mode = {},
          .mx = {},
          .max_age = {},
          .rua = {},
          .keys = {},
          .policy_addresses = {}};
}

// A domain with one MX host, and nothing that protects it.
inline Published bare() {
  Published published;
  published.now = test::at("2026-11-22T12:00:00Z");
  published.mx_hosts = {name("mx.example.org")};
  published.mx_ttl = std::chrono::hours(2);
  return published;
}

// The same with a policy, whose id is the one that plan() makes.
inline Published with_policy(mtasts::Policy policy) {
  Published published = bare();
  published.id = policy_id(policy_text(policy));
  published.id_ttl = std::chrono::minutes(10);
  published.policy = std::move(policy);
  published.rua = {test::good(tlsrpt::parse_destination("mailto:tls@example.org"))};
  return published;
}

// The kinds of the steps, with what they wait for in seconds: "policy", "mx+604800".
inline std::string kinds(const std::vector<Step>& steps) {
  std::string all;
  for (const Step& step : steps) {
    if (!all.empty()) all += ' ';
    all += step_words.word(step.kind);
    if (step.wait.count() != 0) all += '+' + std::to_string(step.wait.count());
  }
  return all;
}

}  // namespace starttls::publication
