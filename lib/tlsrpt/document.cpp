#include "tlsrpt/document.h"

#include <array>
#include <string_view>
#include <utility>

namespace starttls::tlsrpt {
namespace {

std::unexpected<Error> too_large() {
  return fail(Fault::data, "more than {} bytes when packed", packed_size_limit);
}

}  // namespace

Result<ReportReading> DocumentReader::read(const ReadBytes& document, const TakePolicy& take) {
  packed_.clear();
  std::array<char, 2> head{};
  const auto size = read_full(document, head);
  if (!size) return std::unexpected(size.error());
  const std::string_view beginning(head.data(), *size);
  const ReadBytes whole = chained(beginning, document);
  return is_gzip(beginning) ? read_gzip(whole, take) : read_json(whole, take);
}

Result<ReportReading> DocumentReader::read_gzip(const ReadBytes& document, const TakePolicy& take) {
  std::size_t packed_size = 0;
  const ReadBytes packed = [&](std::span<char> into) -> Result<std::size_t> {
    const auto got = document(into);
    if (!got) return got;
    packed_size += *got;
    if (packed_size > packed_size_limit) return too_large();
    if (keep_) packed_.append(into.data(), *got);
    return got;
  };
  gunzip_.begin(packed, report_size_limit);
  return read_report([&](std::span<char> into) { return gunzip_.read(into); }, take);
}

Result<ReportReading> DocumentReader::read_json(const ReadBytes& document, const TakePolicy& take) {
  const ReadBytes json = [&](std::span<char> into) -> Result<std::size_t> {
    const auto got = document(into);
    if (!got || !keep_) return got;
    if (auto added = gzip_.add({into.data(), *got}); !added) return std::unexpected(added.error());
    if (gzip_.packed_size() > packed_size_limit) return too_large();
    return got;
  };
  auto reading = read_report(json, take);
  if (!keep_) return reading;
  auto packed = gzip_.finish();
  if (reading && !packed) return std::unexpected(packed.error());
  if (packed) packed_ = std::move(*packed);
  return reading;
}

std::string DocumentReader::take_packed() {
  return std::exchange(packed_, {});
}

}  // namespace starttls::tlsrpt
