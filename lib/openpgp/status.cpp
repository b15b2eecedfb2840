#include "openpgp/status.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

#include "base/text.h"

namespace starttls::openpgp {
namespace {

constexpr std::string_view prefix = "[GNUPG:] ";
constexpr std::string_view binary_document = "00";  // the signature class (RFC 9580 section 5.2.1)

// ERRSIG's reasons: GPG_ERR_DIGEST_ALGO, GPG_ERR_BAD_PUBKEY, GPG_ERR_NO_PUBKEY.
constexpr std::string_view refused_digest = "5";
constexpr std::string_view unusable_key = "6";
constexpr std::string_view missing_key = "9";

// RFC 9580 section 9.5: SHA2-256, SHA2-384, SHA2-512, SHA2-224, SHA3-256, SHA3-512. Not MD5 (1), SHA-1 (2)
// and RIPEMD-160 (3), which it forbids.
constexpr std::array<std::string_view, 6> strong_digests{"8", "9", "10", "11", "12", "14"};

using Words = std::vector<std::string_view>;

// Words are separated by one blank. Two blanks have an empty word between them.
Words words_of(std::string_view line) {
  Words words;
  for (;;) {
    const auto end = line.find(' ');
    words.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return words;
    line.remove_prefix(end + 1);
  }
}

// The word at that place, or "".
std::string_view word(const Words& words, std::size_t place) {
  return place < words.size() ? words[place] : std::string_view();
}

bool is_fingerprint(std::string_view text) {
  return (text.size() == 40 || text.size() == 64) &&
         std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F'); });
}

// Seconds since 1970, up to the year 9999.
std::optional<Time> time_of(std::string_view text) {
  constexpr long long last = 253402300799;
  long long seconds = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 0 || seconds > last) return {};
  return Time(std::chrono::seconds(seconds));
}

std::unexpected<Error> no_verdict(std::string_view why) {
  return fail(Fault::unavailable, "the signature cannot be checked: {}", why);
}

std::optional<int> number_of(std::string_view text) {
  int number = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return {};
  return number;
}

// VALIDSIG fingerprint date timestamp expiry version reserved algorithm hash class primary-fingerprint
Result<Verified> parse_valid(const Words& words) {
  const auto created = time_of(word(words, 3));
  const std::string_view fingerprint = word(words, 10);
  const std::string_view signer = word(words, 1);
  const auto algorithm = number_of(word(words, 7));
  const std::string_view digest = word(words, 8);
  if (!created || !is_fingerprint(fingerprint) || !is_fingerprint(signer) || !algorithm ||
      !number_of(digest)) {
    return no_verdict("gpgv printed a VALIDSIG of another form than expected");
  }
  if (std::ranges::find(strong_digests, digest) == strong_digests.end()) {
    return fail(Fault::data, "the signature uses a digest that is refused as too weak (algorithm {})",
                digest);
  }
  if (word(words, 9) != binary_document) {
    return fail(Fault::data, "the signature is not one over the bytes of a file (class {})",
                printable(word(words, 9), 20));
  }
  return Verified{.fingerprint = std::string(fingerprint),
                  .signer = std::string(signer),
                  .algorithm = *algorithm,
                  .created = *created};
}

// Whether the key ID is that of a known fingerprint: its last 16 digits, or of version 5 and 6 its first
// (RFC 9580 section 5.5.4).
bool is_among(std::string_view key_id, std::span<const std::string> known) {
  if (key_id.size() != 16) return false;
  return std::ranges::any_of(known, [&](const std::string& fingerprint) {
    return fingerprint.size() == 40 ? fingerprint.ends_with(key_id) : fingerprint.starts_with(key_id);
  });
}

// Why a line prevents a good verdict, or "".
std::string objection(const Words& words, std::span<const std::string> known) {
  const std::string_view keyword = word(words, 0);
  const std::string key = printable(word(words, 1), 64);
  if (keyword == "BADSIG") {
    return fmt::format("the signature by key {} does not fit: the file is not what was signed", key);
  }
  if (keyword == "EXPSIG") return fmt::format("the signature by key {} has expired", key);
  if (keyword == "EXPKEYSIG") return fmt::format("signed with key {}, which has expired", key);
  if (keyword == "REVKEYSIG") return fmt::format("signed with key {}, which has been revoked", key);
  const bool is_missing = keyword == "ERRSIG" && word(words, 6) == missing_key;
  const bool is_refused = is_missing && is_among(word(words, 1), known);
  if (is_missing && !is_refused) return fmt::format("signed with key {}, which is not the known one", key);
  if (keyword == "ERRSIG" && word(words, 6) == refused_digest) {
    return fmt::format("the signature by key {} uses a digest that is refused as too weak", key);
  }
  if (is_refused || (keyword == "ERRSIG" && word(words, 6) == unusable_key)) {
    return fmt::format(
        "key {} cannot be used: its own signature is not valid or uses a digest that is refused "
        "as too weak, such as SHA-1",
        key);
  }
  if (keyword == "ERRSIG") return fmt::format("the signature by key {} is of a kind that gpgv refuses", key);
  if (keyword == "NO_PUBKEY") return fmt::format("signed with key {}, which is not the known one", key);
  if (keyword == "NODATA") return "there is no signature in the signature's file";
  if (keyword == "UNEXPECTED" || keyword == "BADARMOR")
    return "the signature's file is no detached signature";
  return {};
}

}  // namespace

Result<Verified> parse_status(std::string_view status, std::span<const std::string> known) {
  int good = 0;
  std::string bad;
  std::optional<Result<Verified>> valid;
  while (!status.empty()) {
    const std::string_view line = status.substr(0, status.find('\n'));
    status.remove_prefix(std::min(status.size(), line.size() + 1));
    if (!line.starts_with(prefix)) continue;
    const Words words = words_of(line.substr(prefix.size()));
    const std::string_view keyword = word(words, 0);
    // For example, without its keyring gpgv continues and reports every key as missing.
    if (keyword == "ERROR") return no_verdict("gpgv reports an error: " + printable(word(words, 1), 100));
    if (bad.empty()) bad = objection(words, known);
    if (keyword == "GOODSIG") ++good;
    if (keyword != "VALIDSIG") continue;
    if (valid && bad.empty()) bad = "more than one signature where one is expected";
    valid = parse_valid(words);
  }
  if (!bad.empty()) return fail(Fault::data, "{}", bad);
  if (good != 1 || !valid) return no_verdict("gpgv does not say whether it is good");
  return *valid;
}

}  // namespace starttls::openpgp
