#include "doctor/server_certificate.h"

#include <fmt/format.h>

#include "base/file.h"
#include "base/try.h"
#include "doctor/host_checks.h"

namespace starttls::doctor {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_size = std::size_t{1} << 20U;  // bytes of a file with keys or certificates
constexpr std::string_view certificate_code = "smtpd-certificate";
constexpr std::string_view key_code = "smtpd-key";
constexpr const char* as_root = "Run it as root to find out.";

// A block of RFC 7468.
struct PemBlock {
  std::string_view label;  // "CERTIFICATE", "EC PRIVATE KEY"
  std::string_view text;   // the whole block
};

// The first block of the text, which is removed with what is before it; nothing: there is none.
std::optional<PemBlock> take_block(std::string_view& text) {
  constexpr std::string_view begin = "-----BEGIN ";
  constexpr std::string_view dashes = "-----";
  const std::size_t start = text.find(begin);
  if (start == std::string_view::npos) return std::nullopt;
  text.remove_prefix(start);
  const std::size_t label_end = text.find(dashes, begin.size());
  if (label_end == std::string_view::npos) return std::nullopt;
  const std::string_view label = text.substr(begin.size(), label_end - begin.size());
  const std::string end = fmt::format("-----END {}-----", label);
  const std::size_t at = text.find(end);
  if (at == std::string_view::npos) return std::nullopt;
  const PemBlock block{.label = label, .text = text.substr(0, at + end.size())};
  text.remove_prefix(block.text.size());
  return block;
}

// What read_chains() collects for one certificate.
struct Parts {
  PathFacts file;
  std::string chain;
  PathFacts key_file;
  std::string key;
  std::optional<Error> error;  // of a file that cannot be read
};

ServerCertificate read_parts(const Parts& parts) {
  ServerCertificate read{.file = parts.file, .chain = {}, .key_file = parts.key_file, .key = {}};
  if (parts.error) {
    read.chain = std::unexpected(*parts.error);
    read.key = std::unexpected(*parts.error);
    return read;
  }
  if (parts.chain.empty()) {
    read.file = parts.key_file;
    read.chain = fail(Fault::data, "has a private key, and no certificate follows it");
  } else {
    read.chain = certificate::read_pem(parts.chain);
  }
  if (parts.key.empty()) {
    read.key_file = parts.file;
    read.key = fail(Fault::data, "has a certificate, and no private key before it");
  } else {
    read.key = certificate::read_private_key(parts.key);
  }
  return read;
}

PemFile read_pem_file(const fs::path& file) {
  return {.facts = read_path(file), .text = read_file(file, max_size)};
}

Result<std::vector<certificate::Certificate>> read_chain(const PemFile& file) {
  return certificate::read_pem(TRY(file.text));
}

Result<certificate::PublicKey> read_key(const PemFile& file) {
  return certificate::read_private_key(TRY(file.text));
}

// Let's Encrypt's certbot has a directory for each certificate.
std::string renew(const fs::path& file) {
  constexpr std::string_view directory = "/etc/letsencrypt/live/";
  const std::string path = file.string();
  if (!path.starts_with(directory)) return "renew the certificate in " + path;
  const std::string name = path.substr(directory.size(), path.find('/', directory.size()) - directory.size());
  return "certbot renew --cert-name " + name;
}

std::string without_name(const Error& error, const PathFacts& file) {
  const std::string name = file.path.string() + ": ";
  return error.message.starts_with(name) ? error.message.substr(name.size()) : error.message;
}

Check validity_check(const ServerCertificate& certificate, Time now, const CertificateCommands& commands) {
  const certificate::Certificate& own = certificate.chain->front();
  const std::string subject = certificate.file.path.string();
  const std::string remedy = renew(certificate.file.path) + " && " + commands.reload;
  const std::string why_not = "Senders that verify, by MTA-STS, do not send mail to you.";
  if (own.not_after <= now) {
    return fault(
        certificate_code, subject,
        {.seen = fmt::format("the certificate of {} expired at {}", own.subject, to_rfc3339(own.not_after)),
         .why = why_not,
         .remedy = remedy});
  }
  if (own.not_before > now) {
    return fault(certificate_code, subject,
                 {.seen = fmt::format("the certificate of {} is not valid before {}", own.subject,
                                      to_rfc3339(own.not_before)),
                  .why = why_not,
                  .remedy = "timedatectl; if the clock is right: " + remedy});
  }
  if (own.not_after - now < min_certificate_validity) {
    return warning(certificate_code, subject,
                   {.seen = "expires at " + to_rfc3339(own.not_after),
                    .why = "From then on senders that verify, by MTA-STS, do not send mail to you.",
                    .remedy = remedy});
  }
  return ok(certificate_code, subject, "is valid until " + to_rfc3339(own.not_after));
}

Check chain_check(const ServerCertificate& certificate, Time now, const CertificateCommands& commands) {
  const std::string subject = certificate.file.path.string();
  if (certificate.chain) return validity_check(certificate, now, commands);
  if (certificate.file.is_hidden() || certificate.chain.error().fault == Fault::permission) {
    return cannot_tell(certificate_code, subject, without_name(certificate.chain.error(), certificate.file),
                       as_root);
  }
  return fault(certificate_code, subject,
               {.seen = without_name(certificate.chain.error(), certificate.file),
                .why = "Without a certificate no sender can use TLS.",
                .remedy = commands.set});
}

Check key_check(const ServerCertificate& certificate, const CertificateCommands& commands) {
  const std::string subject = certificate.key_file.path.string();
  if (!certificate.key) {
    const std::string seen = without_name(certificate.key.error(), certificate.key_file);
    if (certificate.key_file.is_hidden() || certificate.key.error().fault == Fault::permission)
      return cannot_tell(key_code, subject, seen, as_root);
    return fault(
        key_code, subject,
        {.seen = seen, .why = "Without its key the certificate is of no use.", .remedy = commands.set});
  }
  const std::string file = certificate.file.path.string();
  if (certificate::belongs_to(*certificate.key, certificate.chain->front()))
    return ok(key_code, subject, "is the key of " + file);
  return fault(key_code, subject,
               {.seen = "is not the key of the certificate in " + file,
                .why = "Each handshake fails: no sender can use TLS.",
                .remedy = fmt::format("openssl x509 -noout -pubkey -in {}; openssl pkey -pubout -in {}\n{}",
                                      file, subject, commands.set)});
}

}  // namespace

std::vector<ServerCertificate> read_chains(std::span<const PemFile> files) {
  std::vector<Parts> all;
  bool is_open = false;  // whether a certificate belongs to the last of them
  for (const PemFile& file : files) {
    if (!file.text) {
      all.push_back({.file = file.facts, .key_file = file.facts, .error = file.text.error()});
      is_open = false;
      continue;
    }
    std::string_view rest = *file.text;
    while (const auto block = take_block(rest)) {
      const bool is_key = block->label.ends_with("PRIVATE KEY");
      if (!is_key && block->label != "CERTIFICATE") continue;
      if (is_key || !is_open) all.emplace_back();
      is_open = true;
      Parts& parts = all.back();
      (is_key ? parts.key : parts.chain).append(block->text).append("\n");
      PathFacts& place = is_key ? parts.key_file : parts.file;
      if (place.path.empty()) place = file.facts;
    }
  }
  std::vector<ServerCertificate> certificates;
  certificates.reserve(all.size());
  for (const Parts& parts : all) certificates.push_back(read_parts(parts));
  return certificates;
}

std::vector<ServerCertificate> read_server_certificates(const CertificateFiles& files) {
  if (files.chain_files.empty()) {
    const PemFile chain = read_pem_file(files.file);
    const PemFile key = read_pem_file(files.key_file.empty() ? files.file : files.key_file);
    return {{.file = chain.facts, .chain = read_chain(chain), .key_file = key.facts, .key = read_key(key)}};
  }
  std::vector<PemFile> read;
  read.reserve(files.chain_files.size());
  for (const fs::path& file : files.chain_files) read.push_back(read_pem_file(file));
  return read_chains(read);
}

Checks server_certificate_checks(const ServerCertificate& certificate, Time now,
                                 const CertificateCommands& commands) {
  Checks checks{chain_check(certificate, now, commands)};
  if (certificate.chain) checks.push_back(key_check(certificate, commands));
  if (certificate.key) checks.push_back(secret_check(certificate.key_file, "o-rwx"));
  return checks;
}

}  // namespace starttls::doctor
