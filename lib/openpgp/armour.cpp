#include "openpgp/armour.h"

#include <openssl/evp.h>

#include <algorithm>

#include "base/text.h"
#include "base/try.h"

namespace starttls::openpgp {
namespace {

constexpr std::string_view armour_begin = "-----BEGIN PGP ";
constexpr std::string_view key_begin = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
constexpr std::string_view key_end = "-----END PGP PUBLIC KEY BLOCK-----";

// Removes the first line from the text. Returns it without its line end and without blanks around it.
std::string_view take_line(std::string_view& text) {
  const auto end = text.find('\n');
  const std::string_view line = trim(text.substr(0, end));
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

// Every packet begins with a byte whose highest bit is set (RFC 9580 section 4.2); no text does.
bool is_binary(std::string_view content) {
  return !content.empty() && (static_cast<unsigned char>(content.front()) & 0x80U) != 0;
}

// Canonical base64 of at least one byte, or "".
std::string decode(std::string_view base64) {
  const auto* text = reinterpret_cast<const unsigned char*>(base64.data());
  std::string bytes(base64.size() / 4 * 3, '\0');
  auto* out = reinterpret_cast<unsigned char*>(bytes.data());
  if (base64.size() % 4 != 0 || ::EVP_DecodeBlock(out, text, static_cast<int>(base64.size())) < 0) return {};
  const auto padding = base64.size() - std::min(base64.find_last_not_of('=') + 1, base64.size());
  if (padding > 2 || bytes.size() < padding) return {};
  bytes.resize(bytes.size() - padding);
  // EVP_DecodeBlock accepts misplaced padding and stray bits. So the decoded bytes are encoded again and must
  // give the same text.
  std::string again(base64.size() + 1, '\0');
  ::EVP_EncodeBlock(reinterpret_cast<unsigned char*>(again.data()),
                    reinterpret_cast<const unsigned char*>(bytes.data()), static_cast<int>(bytes.size()));
  again.resize(base64.size());
  return again == base64 ? bytes : std::string();
}

// The armour headers ("Version: ...") and the empty line that ends them.
Result<void> skip_headers(std::string_view& rest) {
  while (!rest.empty()) {
    const std::string_view line = take_line(rest);
    if (line.empty()) return {};
    if (line.find(": ") == std::string_view::npos && !line.ends_with(':')) break;
  }
  return fail(Fault::data, "no empty line between the head and the body of the armour");
}

}  // namespace

Result<std::string> keyring(std::string_view content) {
  if (content.size() > key_file_size_limit) {
    return fail(Fault::data, "larger than the limit of {} bytes", key_file_size_limit);
  }
  if (is_binary(content)) return std::string(content);
  std::string_view line;
  while (line != key_begin) {
    if (content.empty()) return fail(Fault::data, "no OpenPGP public key, neither binary nor armoured");
    line = take_line(content);
    if (line.starts_with(armour_begin) && line != key_begin) {
      return fail(Fault::data, "an OpenPGP block of another kind than a public key");
    }
  }
  TRY(skip_headers(content));
  std::string base64;
  for (line = take_line(content); !line.starts_with('=') && line != key_end; line = take_line(content)) {
    if (content.empty()) return fail(Fault::data, "the armour has no end");
    base64 += line;
  }
  if (line != key_end && take_line(content) != key_end) return fail(Fault::data, "the armour has no end");
  if (content.find(armour_begin) != std::string_view::npos) {
    return fail(Fault::data, "more than one armoured block; put all keys into one (gpg --armor --export)");
  }
  std::string bytes = decode(base64);
  if (!is_binary(bytes)) return fail(Fault::data, "the armour holds no OpenPGP packets in base64");
  return bytes;
}

}  // namespace starttls::openpgp
