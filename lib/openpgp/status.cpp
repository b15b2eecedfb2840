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
constexpr std::string_view missing_key = "9";       // ERRSIG's reason

using Words = std::vector<std::string_view>;

// One blank between two words; two have an empty word between them.
Words words_of(std::string_view line) {
  Words words;
  for (;;) {
    const auto end = line.find(' ');
    words.push_back(line.substr(0, end));
    if (end == std::string_view::npos) return words;
    line.remove_prefix(end + 1);
  }
}

// The word of that place, or "".
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

// VALIDSIG fingerprint date timestamp expiry version reserved algorithm hash class primary-fingerprint
Result<Verified> parse_valid(const Words& words) {
  const auto created = time_of(word(words, 3));
  const std::string_view fingerprint = word(words, 10);
  if (!created || !is_fingerprint(fingerprint)) return fail(Fault::data, "gpgv says what nobody understands");
  if (word(words, 9) != binary_document) {
    return fail(Fault::data, "the signature is not one over the bytes of a file (class {})",
                printable(word(words, 9), 20));
  }
  return Verified{.fingerprint = std::string(fingerprint), .created = *created};
}

// Why a line rules a good verdict out, or "".
std::string objection(const Words& words) {
  const std::string_view keyword = word(words, 0);
  const std::string key = printable(word(words, 1), 64);
  if (keyword == "BADSIG") {
    return fmt::format("the signature by key {} does not fit: the file is not what was signed", key);
  }
  if (keyword == "EXPSIG") return fmt::format("the signature by key {} has expired", key);
  if (keyword == "EXPKEYSIG") return fmt::format("signed with key {}, which has expired", key);
  if (keyword == "REVKEYSIG") return fmt::format("signed with key {}, which has been revoked", key);
  if (keyword == "ERRSIG" && word(words, 6) == missing_key) {
    return fmt::format("signed with key {}, which is not the known one", key);
  }
  if (keyword == "ERRSIG") return fmt::format("the signature by key {} is of a kind that gpgv refuses", key);
  if (keyword == "NO_PUBKEY") return fmt::format("signed with key {}, which is not the known one", key);
  if (keyword == "NODATA") return "there is no signature in the signature's file";
  if (keyword == "UNEXPECTED" || keyword == "BADARMOR")
    return "the signature's file is no detached signature";
  return {};
}

}  // namespace

Result<Verified> verdict(std::string_view status) {
  int good = 0;
  std::optional<Result<Verified>> valid;
  while (!status.empty()) {
    const std::string_view line = status.substr(0, status.find('\n'));
    status.remove_prefix(std::min(status.size(), line.size() + 1));
    if (!line.starts_with(prefix)) continue;
    const Words words = words_of(line.substr(prefix.size()));
    if (std::string reason = objection(words); !reason.empty()) return fail(Fault::data, "{}", reason);
    const std::string_view keyword = word(words, 0);
    if (keyword == "GOODSIG") ++good;
    if (keyword != "VALIDSIG") continue;
    if (valid) return fail(Fault::data, "more than one signature where one is expected");
    valid = parse_valid(words);
  }
  if (good == 0 && !valid) return fail(Fault::data, "there is no good signature");
  if (good != 1 || !valid) return fail(Fault::data, "gpgv does not say clearly that the signature is good");
  return *valid;
}

}  // namespace starttls::openpgp
