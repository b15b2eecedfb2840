#include "tlsrpt/report_reader.h"

#include <string_view>
#include <utility>

#include "base/try.h"

namespace starttls::tlsrpt {
namespace {

constexpr std::size_t head_size = std::size_t{64} << 10U;  // most compressed reports are smaller

std::unexpected<Error> too_large() {
  return fail(Fault::data, "more than {} bytes when packed", packed_size_limit);
}

}  // namespace

ReportReader::ReportReader(bool keep)
    : keep_(keep), head_(std::make_unique_for_overwrite<char[]>(head_size)) {}

Result<ReportReading> ReportReader::read(const ReadBytes& document, const TakePolicy& take) {
  packed_.clear();
  const auto size = TRY(read_full(document, {head_.get(), head_size}));
  const std::string_view head(head_.get(), size);
  if (!is_gzip(head)) return read_json(chain(head, document), take);
  const auto json = size < head_size ? small_gunzip_.unpack(head) : std::nullopt;
  if (!json) return read_gzip(chain(head, document), take);
  if (keep_) packed_ = head;
  return read_report_in_place(*json, take, [size] { return std::uint64_t{size}; });
}

Result<ReportReading> ReportReader::read_gzip(const ReadBytes& document, const TakePolicy& take) {
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
  return read_report([&](std::span<char> into) { return gunzip_.read(into); }, take,
                     [&] { return std::uint64_t{packed_size}; });
}

Result<ReportReading> ReportReader::read_json(const ReadBytes& document, const TakePolicy& take) {
  const ReadBytes json = [&](std::span<char> into) -> Result<std::size_t> {
    const auto got = document(into);
    if (!got || !keep_) return got;
    TRY(gzip_.add({into.data(), *got}));
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

std::string ReportReader::take_packed() {
  return std::exchange(packed_, {});
}

}  // namespace starttls::tlsrpt
