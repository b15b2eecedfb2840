// The certificate that a mail server shows, and its key: what their files say, and what follows from that.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "certificate/certificate.h"
#include "certificate/key.h"
#include "doctor/check.h"
#include "doctor/host.h"

namespace starttls::doctor {

// A chain and its key. Both may be in the same file.
struct ServerCertificate {
  PathFacts file;
  // The server's own certificate first. Errors as of read_file() and read_pem().
  Result<std::vector<certificate::Certificate>> chain;
  PathFacts key_file;
  // Errors as of read_file() and read_private_key().
  Result<certificate::PublicKey> key;
};

// What a configuration names.
struct CertificateFiles {
  // Each key stands before its chain (smtpd_tls_chain_files of postconf(5)). Empty: the two files below.
  std::vector<std::filesystem::path> chain_files;
  std::filesystem::path file;
  std::filesystem::path key_file;  // "": the key is in the other file, too

  bool operator==(const CertificateFiles&) const = default;
};
std::vector<ServerCertificate> read_server_certificates(const CertificateFiles& files);

// The keys and chains in such files; pure. A file that cannot be read gives one with that error.
struct PemFile {
  PathFacts facts;
  Result<std::string> text;
};
std::vector<ServerCertificate> read_chains(std::span<const PemFile> files);

inline constexpr std::chrono::days min_certificate_validity{14};

// For the remedies.
struct CertificateCommands {
  std::string set;     // names other files in the configuration
  std::string reload;  // lets the mail server read the files again
};

// "smtpd-certificate": it exists, and is valid now and for min_certificate_validity. "smtpd-key": the key is that of
// the certificate. "secrets": not every user may read the key.
Checks server_certificate_checks(const ServerCertificate& certificate, Time now,
                                 const CertificateCommands& commands);

}  // namespace starttls::doctor
