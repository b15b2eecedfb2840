#include "smtp/tls.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/sslerr.h>

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/try.h"
#include "certificate/openssl.h"
#include "smtp/accepted.h"

namespace starttls::smtp {
namespace {

using certificate::KeyPtr;
using certificate::Owned;
using certificate::take_error;

using ContextPtr = Owned<SSL_CTX, &::SSL_CTX_free>;
using SslPtr = Owned<SSL, &::SSL_free>;

// RFC 8446 section 6, RFC 5246 section 7.2 and the registry of IANA.
constexpr auto alert_names = std::to_array<std::pair<int, std::string_view>>({
    {0, "close_notify"},
    {10, "unexpected_message"},
    {20, "bad_record_mac"},
    {21, "decryption_failed"},
    {22, "record_overflow"},
    {30, "decompression_failure"},
    {40, "handshake_failure"},
    {41, "no_certificate"},
    {42, "bad_certificate"},
    {43, "unsupported_certificate"},
    {44, "certificate_revoked"},
    {45, "certificate_expired"},
    {46, "certificate_unknown"},
    {47, "illegal_parameter"},
    {48, "unknown_ca"},
    {49, "access_denied"},
    {50, "decode_error"},
    {51, "decrypt_error"},
    {60, "export_restriction"},
    {70, "protocol_version"},
    {71, "insufficient_security"},
    {80, "internal_error"},
    {86, "inappropriate_fallback"},
    {90, "user_canceled"},
    {100, "no_renegotiation"},
    {109, "missing_extension"},
    {110, "unsupported_extension"},
    {111, "certificate_unobtainable"},
    {112, "unrecognized_name"},
    {113, "bad_certificate_status_response"},
    {114, "bad_certificate_hash_value"},
    {115, "unknown_psk_identity"},
    {116, "certificate_required"},
    {120, "no_application_protocol"},
});

std::string alert_text(int alert) {
  const auto found = std::ranges::find(alert_names, alert, &std::pair<int, std::string_view>::first);
  return fmt::format("alert {} ({})", found == alert_names.end() ? "unknown" : found->second, alert);
}

// RFC 8446 appendix B.4.
constexpr const char* all_suites_of_1_3 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_CCM_SHA256:"
    "TLS_AES_128_CCM_8_SHA256";

int number_of(TlsVersion version) {
  switch (version) {
    case TlsVersion::tls1_0:
      return TLS1_VERSION;
    case TlsVersion::tls1_1:
      return TLS1_1_VERSION;
    case TlsVersion::tls1_2:
      return TLS1_2_VERSION;
    case TlsVersion::tls1_3:
      break;
  }
  return TLS1_3_VERSION;
}

// The suites of TLS 1.3, and the others, which OpenSSL sets apart.
struct Suites {
  std::string of_1_3;
  std::string others;
};

Suites separate(std::string_view list) {
  Suites suites;
  while (!list.empty()) {
    const auto end = list.find(':');
    const std::string_view word = list.substr(0, end);
    std::string& into = word.starts_with("TLS_") ? suites.of_1_3 : suites.others;
    if (!into.empty()) into += ':';
    into += word;
    list = end == list.npos ? std::string_view() : list.substr(end + 1);
  }
  return suites;
}

Result<void> set_suites(SSL& ssl, const std::string& list) {
  if (list.empty()) return {};
  const Suites suites = separate(list);
  // In one ClientHello OpenSSL needs suites of both kinds, unless the versions exclude one.
  const bool is_set = ::SSL_set_ciphersuites(&ssl, suites.of_1_3.c_str()) == 1 &&
                      (suites.others.empty() || ::SSL_set_cipher_list(&ssl, suites.others.c_str()) == 1);
  ::SSL_set_security_level(&ssl, 0);
  if (!is_set) return fail(Fault::config, "OpenSSL cannot offer these cipher suites: {}", take_error());
  return {};
}

Result<void> check_number_of_suites(SSL& ssl) {
  STACK_OF(SSL_CIPHER)* const offered = ::SSL_get1_supported_ciphers(&ssl);
  const int number = offered == nullptr ? 0 : sk_SSL_CIPHER_num(offered);
  sk_SSL_CIPHER_free(offered);
  if (number < 1) return fail(Fault::config, "OpenSSL has no cipher suite for these versions of TLS");
  if (std::cmp_greater(number, max_suites))
    return fail(Fault::config, "more than {} cipher suites in one ClientHello", max_suites);
  return {};
}

// SSL_set_tlsext_host_name(3), whose macro has a cast of C.
bool set_server_name(SSL& ssl, const std::string& name) {
  return ::SSL_ctrl(&ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    const_cast<char*>(name.c_str())) == 1;
}

Result<void> prepare(SSL& ssl, const ProbeRequest& request) {
  ::SSL_set_connect_state(&ssl);
  // TLS 1.3 has no compression (RFC 8446 section 4.1.2).
  const TlsVersion newest =
      request.offer_compression ? std::min(request.max_version, TlsVersion::tls1_2) : request.max_version;
  if (::SSL_set_min_proto_version(&ssl, number_of(request.min_version)) != 1 ||
      ::SSL_set_max_proto_version(&ssl, number_of(newest)) != 1) {
    return fail(Fault::config, "OpenSSL cannot offer these versions of TLS: {}", take_error());
  }
  if (!request.groups.empty() && ::SSL_set1_groups_list(&ssl, request.groups.c_str()) != 1)
    return fail(Fault::config, "OpenSSL cannot offer these groups: {}", take_error());
  TRY(set_suites(ssl, request.suites));
  TRY(check_number_of_suites(ssl));
  if (!request.sni.empty() && !set_server_name(ssl, request.sni))
    return fail(Fault::config, "not a name for SNI: {}", printable(request.sni, 100));
  return {};
}

// "secp256r1" for OpenSSL's "prime256v1"; RFC 8422 section 5.1.1, RFC 7919.
std::string group_name(const EVP_PKEY& key) {
  if (EVP_PKEY_get_base_id(&key) == EVP_PKEY_X25519) return "X25519";
  if (EVP_PKEY_get_base_id(&key) == EVP_PKEY_X448) return "X448";
  std::array<char, 80> name{};
  const bool has_name = EVP_PKEY_get_group_name(&key, name.data(), name.size(), nullptr) == 1;
  if (!has_name) return EVP_PKEY_get_base_id(&key) == EVP_PKEY_DH ? "DH" : "";
  return std::string_view(name.data()) == "prime256v1" ? "secp256r1" : name.data();
}

void describe_group(SSL& ssl, Handshake& handshake) {
  EVP_PKEY* raw = nullptr;
  if (SSL_get_peer_tmp_key(&ssl, static_cast<void*>(&raw)) == 1) {
    const KeyPtr key(raw);
    handshake.group_bits = EVP_PKEY_get_bits(key.get());
    handshake.group = group_name(*key);
  }
  if (!handshake.group.empty()) return;
  // Of hybrid groups there is no key of one kind.
  const int group = static_cast<int>(SSL_get_negotiated_group(&ssl));
  const char* const name = group == 0 ? nullptr : SSL_group_to_name(&ssl, group);
  if (name != nullptr) handshake.group = name;
}

void describe_chain(const SSL& ssl, std::size_t max_chain, Handshake& handshake) {
  const STACK_OF(X509)* const chain = ::SSL_get_peer_cert_chain(&ssl);
  const int size = chain == nullptr ? 0 : sk_X509_num(chain);
  for (int i = 0; i < size; ++i) {
    auto read = certificate::read_der(certificate::to_der<const X509>(&::i2d_X509, sk_X509_value(chain, i)));
    if (!read || handshake.chain.size() >= max_chain) {
      handshake.chain_is_cut = true;
      return;
    }
    handshake.chain.push_back(*std::move(read));
  }
}

std::string signature_hash(SSL& ssl) {
  int digest = NID_undef;
  if (SSL_get_peer_signature_nid(&ssl, &digest) != 1 || digest == NID_undef) return {};
  return ::OBJ_nid2sn(digest);
}

// A client that offers everything of one version; null where OpenSSL has no memory.
SslPtr client_of_everything(TlsVersion version) {
  const ContextPtr context(::SSL_CTX_new(::TLS_client_method()));
  if (!context) return nullptr;
  ::SSL_CTX_set_cipher_list(context.get(), "ALL:COMPLEMENTOFALL:@SECLEVEL=0");
  ::SSL_CTX_set_ciphersuites(context.get(), all_suites_of_1_3);
  SSL_CTX_set_min_proto_version(context.get(), number_of(version));
  SSL_CTX_set_max_proto_version(context.get(), number_of(version));
  return SslPtr(::SSL_new(context.get()));
}

constexpr auto groups_of_all_versions = std::to_array<std::pair<const char*, const char*>>({
    {"X25519", "X25519"},
    {"P-256", "secp256r1"},
    {"P-384", "secp384r1"},
    {"P-521", "secp521r1"},
    {"X448", "X448"},
});
// RFC 7919, and the hybrid ones of OpenSSL 3.5.
constexpr auto groups_of_1_3 =
    std::to_array<const char*>({"X25519MLKEM768", "SecP256r1MLKEM768", "SecP384r1MLKEM1024", "ffdhe2048",
                                "ffdhe3072", "ffdhe4096", "ffdhe6144", "ffdhe8192"});
constexpr auto older_groups = std::to_array<const char*>(
    {"brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1", "secp224r1", "secp192r1", "secp256k1"});

}  // namespace

std::vector<Suite> known_groups(TlsVersion version) {
  const SslPtr client = client_of_everything(version);
  std::vector<Suite> groups;
  const auto add = [&](const char* name, const char* standard_name) {
    if (client && SSL_set1_groups_list(client.get(), name) == 1) groups.push_back({name, standard_name});
  };
  for (const auto& [name, standard_name] : groups_of_all_versions) add(name, standard_name);
  for (const char* name : groups_of_1_3) {
    if (version == TlsVersion::tls1_3) add(name, name);
  }
  for (const char* name : older_groups) {
    if (version != TlsVersion::tls1_3) add(name, name);
  }
  ::ERR_clear_error();
  return groups;
}

std::vector<Suite> known_suites(TlsVersion version) {
  const auto client = client_of_everything(version);
  if (!client) return {};
  STACK_OF(SSL_CIPHER)* const ciphers = ::SSL_get1_supported_ciphers(client.get());
  std::vector<Suite> suites;
  for (int i = 0; ciphers != nullptr && i < sk_SSL_CIPHER_num(ciphers); ++i) {
    const SSL_CIPHER* const cipher = sk_SSL_CIPHER_value(ciphers, i);
    suites.push_back({::SSL_CIPHER_get_name(cipher), ::SSL_CIPHER_standard_name(cipher)});
  }
  sk_SSL_CIPHER_free(ciphers);
  ::ERR_clear_error();
  return suites;
}

struct TlsClient::State {
  SslPtr ssl;
  std::size_t max_chain = 0;
  int alert = -1;  // that the server sent
  std::string error;

  static void note_alert(const SSL* ssl, int where, int value) {
    constexpr int read_alert = SSL_CB_READ_ALERT;
    auto* const state = static_cast<State*>(SSL_get_app_data(ssl));
    if ((where & read_alert) == read_alert && state != nullptr) state->alert = value & 0xFF;
  }
};

TlsClients::TlsClients(TlsLimits limits) : limits_(limits) {
  context_.reset(::SSL_CTX_new(::TLS_client_method()), &::SSL_CTX_free);
  if (!context_) return;
  SSL_CTX* const context = context_.get();
  ::SSL_CTX_set_verify(context, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  // What a server lacks is a fact, not a reason to stop.
  ::SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_LEGACY_SERVER_CONNECT | SSL_OP_NO_RENEGOTIATION);
#ifdef SSL_OP_NO_RX_CERTIFICATE_COMPRESSION
  // OpenSSL 3.2: a few bytes that become a large certificate.
  ::SSL_CTX_set_options(context, SSL_OP_NO_RX_CERTIFICATE_COMPRESSION);
#endif
  // Level 0 of @SECLEVEL: TLS 1.0 and short keys, which are facts as well.
  ::SSL_CTX_set_cipher_list(context, "DEFAULT:@SECLEVEL=0");
  // Else SSL_read(3) goes on for as long as a server sends records without text.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_max_cert_list(context, static_cast<long>(limits.max_chain_bytes));
  ::SSL_CTX_set_info_callback(context, &TlsClient::State::note_alert);
}

Result<std::unique_ptr<TlsClient>> TlsClients::create(const ProbeRequest& request) {
  ::ERR_clear_error();
  auto state = std::make_unique<TlsClient::State>();
  state->max_chain = limits_.max_chain;
  if (context_) state->ssl.reset(::SSL_new(context_.get()));
  BIO* const received = ::BIO_new(::BIO_s_mem());
  BIO* const to_send = ::BIO_new(::BIO_s_mem());
  if (!state->ssl || received == nullptr || to_send == nullptr) {
    ::BIO_free(received);
    ::BIO_free(to_send);
    return fail(Fault::unavailable, "OpenSSL cannot be started: {}", take_error());
  }
  BIO_set_mem_eof_return(received, -1);  // no bytes yet is not the end
  ::SSL_set_bio(state->ssl.get(), received, to_send);
  SSL_set_app_data(state->ssl.get(), state.get());
  TRY(prepare(*state->ssl, request));
  return std::unique_ptr<TlsClient>(new TlsClient(std::move(state)));
}

TlsClient::TlsClient(std::unique_ptr<State> state) : state_(std::move(state)) {}

TlsClient::~TlsClient() = default;

void TlsClient::add_received(std::string_view bytes) {
  ::BIO_write(::SSL_get_rbio(state_->ssl.get()), bytes.data(), static_cast<int>(bytes.size()));
}

std::string TlsClient::take_to_send() {
  BIO* const bio = ::SSL_get_wbio(state_->ssl.get());
  std::string bytes(::BIO_ctrl_pending(bio), '\0');
  if (!bytes.empty()) ::BIO_read(bio, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

TlsClient::Progress TlsClient::progress_of(int result) {
  if (result > 0) return Progress::finished;
  const int error = ::SSL_get_error(state_->ssl.get(), result);
  if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return Progress::needs_bytes;
  if (error == SSL_ERROR_ZERO_RETURN) return Progress::closed;
  const bool other_version = ERR_GET_REASON(::ERR_peek_last_error()) == SSL_R_UNSUPPORTED_PROTOCOL;
  state_->error = take_error();
  if (other_version) state_->error = version_not_offered;
  if (state_->alert > 0) state_->error = alert_text(state_->alert);
  return Progress::failed;
}

TlsClient::Progress TlsClient::handshake() {
  ::ERR_clear_error();
  return progress_of(::SSL_do_handshake(state_->ssl.get()));
}

std::string TlsClient::error() const {
  return state_->error;
}

Handshake TlsClient::describe() const {
  SSL& ssl = *state_->ssl;
  Handshake handshake;
  handshake.version = ::SSL_get_version(&ssl);
  const char* const suite = ::SSL_CIPHER_standard_name(::SSL_get_current_cipher(&ssl));
  if (suite != nullptr) handshake.suite = suite;
  const bool is_1_3 = ::SSL_version(&ssl) >= TLS1_3_VERSION;
  handshake.secure_renegotiation = is_1_3 || SSL_get_secure_renegotiation_support(&ssl) == 1;
  handshake.extended_master_secret = is_1_3 || SSL_get_extms_support(&ssl) == 1;
  handshake.signature_hash = signature_hash(ssl);
  describe_group(ssl, handshake);
  describe_chain(ssl, state_->max_chain, handshake);
  ::ERR_clear_error();
  return handshake;
}

TlsClient::Progress TlsClient::write(std::string_view text) {
  ::ERR_clear_error();
  return progress_of(::SSL_write(state_->ssl.get(), text.data(), static_cast<int>(text.size())));
}

TlsClient::Progress TlsClient::read(std::string& text) {
  ::ERR_clear_error();
  std::array<char, 4'096> piece{};
  for (;;) {
    const int size = ::SSL_read(state_->ssl.get(), piece.data(), static_cast<int>(piece.size()));
    if (size > 0) text.append(piece.data(), static_cast<std::size_t>(size));
    const Progress progress = progress_of(size);
    // It also stops after each record without text, such as a session ticket.
    const bool has_more = ::BIO_ctrl_pending(::SSL_get_rbio(state_->ssl.get())) > 0;
    if (progress != Progress::needs_bytes || !has_more) return progress;
  }
}

void TlsClient::close() {
  ::SSL_shutdown(state_->ssl.get());
  ::ERR_clear_error();
}

}  // namespace starttls::smtp
