// How good what two servers agreed on is, by the "IT Security Guidelines for Transport Layer Security (TLS)" of the
// Dutch NCSC, edition 2025-05, for mail servers.
#pragma once

#include <string_view>

#include "certificate/certificate.h"

namespace starttls::examination {

enum class Rating { good, sufficient, phase_out, insufficient };

// "TLSv1.3"; as OpenSSL calls it.
Rating rate_version(std::string_view version);

// By the IANA name: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384".
Rating rate_suite(std::string_view suite);

// "X25519", "secp256r1", "ffdhe2048", "DH"; "" where there is no ephemeral key. `bits`: of the key.
Rating rate_group(std::string_view group, int bits);

Rating rate_key(const certificate::Certificate& certificate);

// "SHA256", "SHA1"; "" where the algorithm has no hash of its own.
Rating rate_hash(std::string_view hash);

}  // namespace starttls::examination
