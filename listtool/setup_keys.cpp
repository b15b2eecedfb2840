#include "listtool/setup_keys.h"

#include <algorithm>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "certificate/certificate.h"
#include "certificate/key.h"
#include "certificate/tlsa.h"

namespace starttls::listtool {
namespace {

using publication::HostKeys;

std::uint8_t digit(char c) {
  return static_cast<std::uint8_t>(c - '0');
}

Result<dns::Tlsa> tlsa_of_certificate(std::string_view text, TlsaType type) {
  const std::vector<certificate::Certificate> chain = TRY(certificate::read_pem(text));
  if (type.usage == certificate::dane_ta && !chain.front().is_ca) {
    return fail(Fault::data,
                "the first certificate is not that of an authority, which TLSA records of usage 2 are for");
  }
  return dns::Tlsa{.usage = type.usage,
                   .selector = type.selector,
                   .matching_type = type.matching_type,
                   .data = certificate::tlsa_data(chain.front(), type.selector, type.matching_type)};
}

Result<HostKeys*> find_or_add(std::vector<HostKeys>& keys, const DomainName& host, bool is_next) {
  const auto known = std::ranges::find(keys, host, &HostKeys::host);
  if (known != keys.end()) return &*known;
  if (is_next) return fail(Fault::usage, "--next-key for {}, but no --key", host.str());
  keys.push_back({.host = host, .present = {}, .next = {}});
  return &keys.back();
}

Result<void> add_keys(std::vector<HostKeys>& keys, const std::vector<std::string>& arguments, bool is_next,
                      TlsaType type, const std::vector<DomainName>& mx_hosts) {
  for (const std::string& argument : arguments) {
    const KeyArgument key = parse_key_argument(argument, mx_hosts);
    const std::string text = TRY(read_file(key.file, certificate::max_pem_size, FileKind::any));
    const dns::Tlsa record = TRY(with_context(tlsa_of_pem(text, type), "{}", printable(key.file)));
    for (const DomainName& host : key.hosts) {
      HostKeys* const of_host = TRY(find_or_add(keys, host, is_next));
      (is_next ? of_host->next : of_host->present).push_back(record);
    }
  }
  return {};
}

}  // namespace

TlsaType parse_tlsa_type(std::string_view text) {
  return {.usage = digit(text[0]), .selector = digit(text[2]), .matching_type = digit(text[4])};
}

Result<dns::Tlsa> tlsa_of_pem(std::string_view text, TlsaType type) {
  // Also "TRUSTED CERTIFICATE" and "X509 CERTIFICATE", which OpenSSL reads, too.
  if (text.find(" CERTIFICATE-----") != std::string_view::npos) return tlsa_of_certificate(text, type);
  if (type.usage == certificate::dane_ta || type.selector == certificate::full_certificate)
    return fail(Fault::data, "holds no certificate, which this type of TLSA record needs");
  const bool is_public = text.find("-----BEGIN PUBLIC KEY-----") != std::string_view::npos;
  const certificate::PublicKey key =
      TRY(is_public ? certificate::read_public_key(text) : certificate::read_private_key(text));
  return dns::Tlsa{.usage = type.usage,
                   .selector = type.selector,
                   .matching_type = type.matching_type,
                   .data = certificate::tlsa_data_of_key(key.der, type.matching_type)};
}

KeyArgument parse_key_argument(std::string_view text, const std::vector<DomainName>& mx_hosts) {
  const std::size_t equals = text.find('=');
  if (equals != std::string_view::npos) {
    if (auto host = DomainName::parse(text.substr(0, equals)))
      return {.hosts = {*std::move(host)}, .file = std::string(text.substr(equals + 1))};
  }
  return {.hosts = mx_hosts, .file = std::string(text)};
}

Result<std::vector<HostKeys>> read_keys(const std::vector<std::string>& present,
                                        const std::vector<std::string>& next, TlsaType type,
                                        const std::vector<DomainName>& mx_hosts) {
  std::vector<HostKeys> keys;
  TRY(add_keys(keys, present, false, type, mx_hosts));
  TRY(add_keys(keys, next, true, type, mx_hosts));
  return keys;
}

}  // namespace starttls::listtool
