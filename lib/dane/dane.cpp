#include "dane/dane.h"

#include <fmt/format.h>

#include <utility>

#include "base/enum_words.h"
#include "base/memory.h"

namespace starttls::dane {

using starttls::heap_size;

namespace {

constexpr auto tlsa_words = enum_words<TlsaStatus>({{TlsaStatus::usable, "usable"},
                                                    {TlsaStatus::unusable, "unusable"},
                                                    {TlsaStatus::absent, "absent"},
                                                    {TlsaStatus::unreachable, "unreachable"},
                                                    {TlsaStatus::unknown, "unknown"}});

constexpr auto status_words = enum_words<DaneStatus>({{DaneStatus::all, "all"},
                                                      {DaneStatus::some, "some"},
                                                      {DaneStatus::failing, "failing"},
                                                      {DaneStatus::unusable, "unusable"},
                                                      {DaneStatus::insecure, "insecure"},
                                                      {DaneStatus::none, "none"},
                                                      {DaneStatus::unknown, "unknown"},
                                                      {DaneStatus::unvalidated, "unvalidated"}});

}  // namespace

std::size_t heap_size(const Host& host) {
  std::size_t size = heap_size(host.name) + heap_size(host.reason);
  if (host.records.capacity() > 0) size += allocation_size(host.records.capacity() * sizeof(dns::Tlsa));
  for (const dns::Tlsa& record : host.records) size += heap_size(record.data);
  return size;
}

std::size_t heap_size(const DaneResult& result) {
  return heap_size(result.hosts) + heap_size(result.reason);
}

DaneResult keep_proven(DaneResult latest, const DaneResult& before) {
  const bool is_unknown = latest.status == DaneStatus::unknown;
  if (!is_unknown && latest.status != DaneStatus::failing) return latest;
  std::string reason = fmt::format("{}; {} when last looked up", latest.reason, before.reason);
  if (!has_usable_tlsa(before.status)) {
    if (is_unknown) latest.status = DaneStatus::failing;
  } else {
    latest.status = is_unknown ? before.status : DaneStatus::some;
  }
  latest.reason = std::move(reason);
  return latest;
}

std::string_view to_string(TlsaStatus tlsa) {
  return tlsa_words.word(tlsa);
}

std::string_view to_string(DaneStatus status) {
  return status_words.word(status);
}

std::optional<DaneStatus> find_dane_status(std::string_view word) {
  return status_words.find(word);
}

}  // namespace starttls::dane
