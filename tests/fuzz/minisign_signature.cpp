#include <array>

#include "fuzz.h"
#include "minisign/signature.h"
#include "minisign/verify.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto signature = minisign::parse_signature(fuzz::text_of(bytes, size));
  if (!signature) return 0;
  fuzz::require(signature->trusted_comment.size() <= minisign::trusted_comment_limit);
  fuzz::require(signature->trusted_comment.find('\n') == std::string::npos);
  if (const auto name = minisign::signed_file_name(signature->trusted_comment); name && *name) {
    fuzz::require(signature->trusted_comment.find("file:" + **name) != std::string::npos ||
                  signature->trusted_comment.find("filename:" + **name) != std::string::npos);
  }
  // A key that does not exist has signed nothing.
  const std::array keys{minisign::PublicKey{.id = signature->key_id, .key = {1, 2, 3, 4, 5}}};
  fuzz::require(!minisign::verify("x", "content", *signature, keys, minisign::Legacy::allow));
  return 0;
}
