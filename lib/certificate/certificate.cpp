#include "certificate/certificate.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>

#include "base/enum_words.h"
#include "base/text.h"
#include "base/try.h"
#include "certificate/openssl.h"

namespace starttls::certificate {
namespace {

constexpr auto key_words = enum_words<KeyKind>({{KeyKind::rsa, "RSA"},
                                                {KeyKind::ec, "EC"},
                                                {KeyKind::ed25519, "Ed25519"},
                                                {KeyKind::ed448, "Ed448"},
                                                {KeyKind::dsa, "DSA"}});

// RFC 5280 section 4.1.2.2 allows 20 bytes.
constexpr std::size_t max_serial_digits = 64;

std::string_view bytes_of(const ASN1_STRING& text) {
  const int size = ::ASN1_STRING_length(&text);
  if (size <= 0) return {};
  return {reinterpret_cast<const char*>(::ASN1_STRING_get0_data(&text)), static_cast<std::size_t>(size)};
}

std::string name_text(const X509_NAME* name, unsigned long flags) {
  const BioPtr out(::BIO_new(::BIO_s_mem()));
  if (!out || ::X509_NAME_print_ex(out.get(), name, 0, flags) < 0) return {};
  char* text = nullptr;
  const long size = ::BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(std::max<long>(size, 0))};
}

// Whether a terminal shows the text as it is.
bool is_harmless(const std::string& text) {
  std::string without_escapes = text;
  std::erase(without_escapes, '\\');
  return printable(without_escapes, text.size()) == without_escapes;
}

// Characters that are not ASCII stay as they are if all are harmless; else all are escaped.
std::string distinguished_name(const X509_NAME* name) {
  std::string text = name_text(name, XN_FLAG_RFC2253 & ~static_cast<unsigned long>(ASN1_STRFLGS_ESC_MSB));
  if (!is_harmless(text)) text = name_text(name, XN_FLAG_RFC2253);
  if (text.size() <= max_name_size) return text;
  std::size_t end = max_name_size;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U)
    --end;  // not within a character
  return text.substr(0, end) + "...";
}

std::string common_name(const X509_NAME* name) {
  const int index = ::X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (index < 0) return {};
  unsigned char* utf8 = nullptr;
  const int size =
      ::ASN1_STRING_to_UTF8(&utf8, ::X509_NAME_ENTRY_get_data(::X509_NAME_get_entry(name, index)));
  const BytesPtr held(utf8);
  if (size <= 0) return {};
  const std::string_view text(reinterpret_cast<char*>(utf8), static_cast<std::size_t>(size));
  return text.contains('\0') ? std::string() : printable(text, max_name_size);
}

// Underscores are in names of hosts that exist.
bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '*';
}

void read_names(X509& from, Certificate& into) {
  struct Free {
    void operator()(GENERAL_NAMES* names) const { ::GENERAL_NAMES_free(names); }
  };
  const std::unique_ptr<GENERAL_NAMES, Free> names(
      static_cast<GENERAL_NAMES*>(::X509_get_ext_d2i(&from, NID_subject_alt_name, nullptr, nullptr)));
  if (!names) return;
  for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const general = sk_GENERAL_NAME_value(names.get(), i);
    if (general->type != GEN_DNS) continue;
    if (into.names.size() >= max_names) return;
    std::string name = to_lower(bytes_of(*general->d.dNSName));
    if (!name.empty() && std::ranges::all_of(name, is_name_byte)) {
      into.names.push_back(std::move(name));
    } else {
      into.has_bad_name = true;
    }
  }
}

Result<Time> read_time(const ASN1_TIME* time) {
  std::tm calendar{};
  if (time == nullptr || ::ASN1_TIME_to_tm(time, &calendar) != 1)
    return fail(Fault::data, "the certificate has a malformed date");
  return Time(std::chrono::seconds(::timegm(&calendar)));
}

std::string signature_hash(const X509& certificate) {
  int digest = NID_undef;
  // Not changed, but OpenSSL caches what it finds.
  if (::X509_get_signature_info(const_cast<X509*>(&certificate), &digest, nullptr, nullptr, nullptr) != 1 ||
      digest == NID_undef) {
    return {};
  }
  return ::OBJ_nid2sn(digest);
}

std::string serial_text(const X509& certificate) {
  std::string text;
  for (const char byte : bytes_of(*::X509_get0_serialNumber(&certificate)).substr(0, max_serial_digits / 2)) {
    text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  }
  return text;
}

void read_key(const X509& from, Certificate& into) {
  into.public_key = to_der<const X509_PUBKEY>(&::i2d_X509_PUBKEY, ::X509_get_X509_PUBKEY(&from));
  const EVP_PKEY* const key = ::X509_get0_pubkey(&from);
  if (key == nullptr) return;
  PublicKey described = describe_key(*key);
  into.key = described.kind;
  into.key_bits = described.bits;
  into.curve = std::move(described.curve);
}

Result<Certificate> describe(X509& x509, std::string_view der) {
  Certificate read{.subject = distinguished_name(::X509_get_subject_name(&x509)),
                   .issuer = distinguished_name(::X509_get_issuer_name(&x509)),
                   .common_name = common_name(::X509_get_subject_name(&x509)),
                   .not_before = TRY(read_time(::X509_get0_notBefore(&x509))),
                   .not_after = TRY(read_time(::X509_get0_notAfter(&x509))),
                   .signature_hash = signature_hash(x509),
                   .is_ca = (::X509_get_extension_flags(&x509) & EXFLAG_CA) != 0,
                   .is_self_signed = ::X509_self_signed(&x509, 1) == 1,
                   .serial = serial_text(x509),
                   .der = std::string(der)};
  read_names(x509, read);
  read_key(x509, read);
  ::ERR_clear_error();
  return read;
}

Result<Certificate> no_certificate() {
  return fail(Fault::data, "not a certificate in DER");
}

}  // namespace

std::string_view to_string(KeyKind kind) {
  return key_words.word(kind);
}

Result<Certificate> read_der(std::string_view der) {
  if (der.size() > max_der_size)
    return fail(Fault::data, "a certificate of more than {} bytes", max_der_size);
  const X509Ptr x509 = parse_certificate(der);
  return x509 ? describe(*x509, der) : no_certificate();
}

Result<std::vector<Certificate>> read_pem(std::string_view text) {
  if (text.size() > max_pem_size) return fail(Fault::data, "more than {} bytes", max_pem_size);
  const BioPtr bio = read_only_bio(text);
  std::vector<Certificate> all;
  for (;;) {
    const X509Ptr x509 = TRY(with_context(next_certificate(bio.get()), "certificate {}", all.size() + 1));
    if (!x509) break;
    if (all.size() >= max_pem_certificates)
      return fail(Fault::data, "more than {} certificates", max_pem_certificates);
    const std::string der = to_der<const X509>(&::i2d_X509, x509.get());
    all.push_back(TRY(with_context(read_der(der), "certificate {}", all.size() + 1)));
  }
  if (all.empty()) return fail(Fault::data, "holds no certificate in PEM");
  return all;
}

bool matches(const Certificate& certificate, std::string_view host) {
  const auto dot = host.find('.');
  const std::string_view parent = dot == host.npos ? std::string_view() : host.substr(dot + 1);
  return std::ranges::any_of(certificate.names, [&](std::string_view name) {
    if (!name.starts_with("*.")) return name == host && !host.empty() && !host.contains('*');
    const std::string_view covered = name.substr(2);
    return covered == parent && covered.contains('.') && !covered.contains('*') && dot > 0;
  });
}

}  // namespace starttls::certificate
