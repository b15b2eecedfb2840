#include "minisign/signature.h"

#include <algorithm>

#include "base/try.h"
#include "minisign/encoding.h"

namespace starttls::minisign {
namespace {

constexpr std::string_view untrusted_prefix = "untrusted comment: ";
constexpr std::string_view trusted_prefix = "trusted comment: ";

Result<std::string> take_comment(std::string_view& content, std::string_view prefix, std::size_t limit) {
  const std::string_view name = prefix.substr(0, prefix.size() - 2);
  const auto line = take_line(content);
  if (!line) return fail(Fault::data, "it ends before its {}", name);
  if (!line->starts_with(prefix)) {
    return fail(Fault::data, "no line '{}...' where it belongs", prefix);
  }
  const std::string_view comment = line->substr(prefix.size());
  if (comment.size() > limit) return fail(Fault::data, "its {} is longer than {} bytes", name, limit);
  return std::string(comment);
}

// Reads the line with algorithm, key id and signature.
Result<void> take_signature(std::string_view& content, Signature& signature) {
  const auto line = take_line(content);
  if (!line) return fail(Fault::data, "it ends before the signature");
  std::array<unsigned char, 2 + 8 + 64> decoded{};
  if (!decode_base64(*line, decoded)) {
    return fail(Fault::data, "its second line is not {} bytes of base64", decoded.size());
  }
  if (decoded[0] == 'E' && decoded[1] == 'D') {
    signature.algorithm = Algorithm::prehashed;
  } else if (decoded[0] == 'E' && decoded[1] == 'd') {
    signature.algorithm = Algorithm::legacy;
  } else {
    return fail(Fault::data, "its algorithm is unknown");
  }
  Bytes rest = Bytes(decoded).subspan(2);
  take_bytes(rest, signature.key_id);
  take_bytes(rest, signature.signature);
  return {};
}

}  // namespace

Result<Signature> parse_signature(std::string_view content) {
  if (content.size() > signature_size_limit) {
    return fail(Fault::data, "it is larger than {} bytes", signature_size_limit);
  }
  Signature signature;
  auto untrusted = TRY(take_comment(content, untrusted_prefix, untrusted_comment_limit));
  TRY(take_signature(content, signature));
  auto trusted = TRY(take_comment(content, trusted_prefix, trusted_comment_limit));
  const auto line = take_line(content);
  if (!line) return fail(Fault::data, "it ends before the signature of its trusted comment");
  if (!decode_base64(*line, signature.global_signature)) {
    return fail(Fault::data, "its fourth line is not {} bytes of base64", signature.global_signature.size());
  }
  if (!content.empty()) return fail(Fault::data, "something follows its fourth line");
  signature.untrusted_comment = std::move(untrusted);
  signature.trusted_comment = std::move(trusted);
  return signature;
}

Result<std::optional<std::string>> signed_file_name(std::string_view trusted_comment) {
  const char end_of_field = trusted_comment.find('\t') != trusted_comment.npos ? '\t' : ' ';
  std::optional<std::string> name;
  while (!trusted_comment.empty()) {
    const std::string_view field = trusted_comment.substr(0, trusted_comment.find(end_of_field));
    trusted_comment.remove_prefix(std::min(trusted_comment.size(), field.size() + 1));
    for (const std::string_view label : {"file:", "filename:"}) {
      if (!field.starts_with(label)) continue;
      if (name) return fail(Fault::data, "its trusted comment names more than one file");
      name = field.substr(label.size());
    }
  }
  return name;
}

}  // namespace starttls::minisign
