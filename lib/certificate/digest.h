// SHA-2 of bytes (FIPS 180-4).
#pragma once

#include <string>
#include <string_view>

namespace starttls::certificate {

// 32 bytes; "" where OpenSSL fails.
std::string sha256(std::string_view bytes);
// 64 bytes.
std::string sha512(std::string_view bytes);

}  // namespace starttls::certificate
