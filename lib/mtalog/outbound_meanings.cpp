#include "mtalog/outbound_meanings.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>

namespace starttls::mtalog {
namespace {

using namespace result_type;

struct Meaning {
  std::string_view words;
  std::string_view result_type;
};

// Why a certificate was not accepted. The first words that occur decide.
constexpr std::array<Meaning, 15> certificate_reasons{{
    {"num=62:", host_mismatch},
    {"num=64:", host_mismatch},
    {"hostname mismatch", host_mismatch},
    {"address mismatch", host_mismatch},
    {"has expired", expired},
    {"not yet valid", not_trusted},
    {"untrusted issuer", not_trusted},
    {"self-signed", not_trusted},
    {"self signed", not_trusted},
    {"issuer certificate", not_trusted},
    {"not trusted", not_trusted},
    {"chain longer", not_trusted},
    {"not designated for use", not_trusted},
    {"no matching DANE TLSA records", not_trusted},
    {"verify the first certificate", not_trusted},
}};

// How Postfix' text about a delivery begins when TLS failed.
constexpr std::array<Meaning, 6> delivery_failures{{
    {"TLS is required, but was not offered by host ", starttls_not_supported},
    {"TLS is required, but host ", starttls_not_supported},
    {"TLS is required, but our TLS engine is unavailable", validation_failure},
    {"Cannot start TLS: ", validation_failure},
    {"Server certificate not verified", validation_failure},
    {"Server certificate not trusted", validation_failure},
}};

// Why Postfix connects to no host of a domain whose policy demands DANE.
constexpr std::array<Meaning, 4> dane_failures{{
    {"no TLSA records found", dane_required},
    {"non DNSSEC destination", dane_required},
    {"TLSA records unusable", tlsa_invalid},
    {"TLSA lookup error", dnssec_invalid},
}};

// The message of a ruleset of Sendmail that checks one recipient (FEATURE(`sts'), the access map).
constexpr std::array<Meaning, 5> recipient_rejections{{
    {"not listed in SANs", host_mismatch},
    {" does not match ", host_mismatch},
    {"does not support STARTTLS", starttls_not_supported},
    {"authentication failed", not_trusted},
    {"not authenticated", not_trusted},
}};

constexpr std::string_view meaning_of(std::span<const Meaning> meanings, std::string_view text,
                                      std::string_view otherwise) {
  for (const auto& [words, result_type] : meanings) {
    if (text.find(words) != std::string_view::npos) return result_type;
  }
  return otherwise;
}

struct Level {
  std::string_view word;
  Protection protection;
};

constexpr std::array<Level, 4> postfix_levels{{
    {"Verified", Protection::verified},
    {"Trusted", Protection::trusted},
    {"Untrusted", Protection::untrusted},
    {"Anonymous", Protection::anonymous},
}};

constexpr std::array<Level, 8> sendmail_levels{{
    {"OK", Protection::trusted},
    {"FAIL", Protection::untrusted},
    {"NO", Protection::anonymous},
    {"NOT", Protection::anonymous},
    {"NONE", Protection::anonymous},
    {"TRUSTED", Protection::verified},
    {"DANE_SEC", Protection::verified},
    {"DANE_OK", Protection::verified},
}};

template <std::size_t size>
std::optional<Protection> level_of(const std::array<Level, size>& levels, std::string_view word) {
  const auto found = std::ranges::find(levels, word, &Level::word);
  return found == levels.end() ? std::nullopt : std::optional(found->protection);
}

}  // namespace

std::string_view result_type::of_certificate(std::string_view reason, std::string_view otherwise) {
  return meaning_of(certificate_reasons, reason, otherwise);
}

std::optional<result_type::OfDelivery> result_type::of_delivery(std::string_view text) {
  const auto* const found = std::ranges::find_if(
      delivery_failures, [&](const Meaning& one) { return text.starts_with(one.words); });
  if (found == delivery_failures.end()) return std::nullopt;
  return OfDelivery{.type = found->result_type,
                    .is_of_certificate = found->words.starts_with("Server certificate")};
}

std::string_view result_type::of_dane(std::string_view reason) {
  return meaning_of(dane_failures, reason, "");
}

std::string_view result_type::of_recipient(std::string_view message) {
  return meaning_of(recipient_rejections, message, validation_failure);
}

std::string result_type::of_tlsrpt(std::string_view text) {
  constexpr std::size_t max_size = 40;
  std::string word(text.substr(0, max_size));
  std::ranges::replace(word, '_', '-');
  const bool is_word = !word.empty() && std::ranges::all_of(word, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  return is_word ? word : std::string(validation_failure);
}

std::optional<Protection> postfix_level(std::string_view word) {
  return level_of(postfix_levels, word);
}

Protection sendmail_level(std::string_view word) {
  return level_of(sendmail_levels, word).value_or(Protection::unknown);
}

std::string_view to_string(Protection protection) {
  switch (protection) {
    case Protection::none:
      return "none";
    case Protection::anonymous:
      return "anonymous";
    case Protection::untrusted:
      return "untrusted";
    case Protection::trusted:
      return "trusted";
    case Protection::verified:
      return "verified";
    case Protection::unknown:
      break;
  }
  return "unknown";
}

}  // namespace starttls::mtalog
