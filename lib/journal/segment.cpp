#include "journal/segment.h"

#include <fmt/format.h>
#include <libdeflate.h>
#include <sys/random.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "base/newer_format.h"
#include "base/text.h"

namespace starttls::journal {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t head_size = 8;  // length and crc

void put_u32(std::string& out, std::uint32_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) out += static_cast<char>((value >> shift) & 0xFFU);
}

std::uint32_t get_u32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < 4; ++i) value |= std::uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  return value;
}

std::uint32_t checksum(std::string_view payload) {
  return ::libdeflate_crc32(0, payload.data(), payload.size());
}

}  // namespace

std::string new_segment_id(Time now) {
  std::uint64_t random = 0;
  // getrandom(2) returns up to 256 bytes whole; it fails only on kernels older than those of Debian 12.
  if (::getrandom(&random, sizeof random, 0) != sizeof random) random = static_cast<std::uint64_t>(::clock());
  return fmt::format("{:015}-{:016x}", now.time_since_epoch().count(), random);
}

std::string frame(std::string_view payload) {
  std::string record;
  record.reserve(head_size + payload.size());
  append_frame(record, payload);
  return record;
}

void append_frame(std::string& records, std::string_view payload) {
  put_u32(records, static_cast<std::uint32_t>(payload.size()));
  put_u32(records, checksum(payload));
  records += payload;
}

bool is_newer_segment(std::string_view content) {
  const std::string_view family = segment_magic.substr(0, segment_magic.size() - 1);
  if (content.size() < segment_magic.size() || !content.starts_with(family)) return false;
  const char format = content[family.size()];
  return format > segment_magic.back() && format <= '9';
}

Result<SegmentDamage> read_segment(std::string_view content, const TakePayload& take) {
  SegmentDamage damage;
  if (content.empty()) return damage;
  if (!content.starts_with(segment_magic)) {
    if (segment_magic.starts_with(content)) return SegmentDamage{.tail = content.size()};
    if (is_newer_segment(content)) {
      return made_by_newer_version("the segment", "a journal", content.substr(0, segment_magic.size()),
                                   segment_magic);
    }
    return fail(Fault::data, "not a journal segment: it does not begin with {}", segment_magic);
  }
  content.remove_prefix(segment_magic.size());
  while (!content.empty()) {
    const std::size_t length = content.size() >= head_size ? get_u32(content) : 0;
    // After a power failure there may be zeroes. A length that is out of range, or past the end, hides what
    // follows.
    if (length == 0 || length > max_payload_size || content.size() - head_size < length) {
      damage.tail = content.size();
      break;
    }
    const std::string_view payload = content.substr(head_size, length);
    const bool intact = get_u32(content.substr(4)) == checksum(payload);
    if (!intact || !take(payload)) ++damage.records;
    content.remove_prefix(head_size + length);
  }
  return damage;
}

Result<std::vector<fs::path>> list_segments(const fs::path& directory) {
  std::vector<fs::path> segments;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    std::error_code unknown;
    const bool is_file = entry->is_regular_file(unknown);
    if (is_file && entry->path().extension() == segment_suffix) segments.push_back(entry->path());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    const Fault fault = error == std::errc::permission_denied ? Fault::permission : Fault::io;
    return fail(fault, "{}: {}", printable(directory.string()), error.message());
  }
  std::ranges::sort(segments);
  return segments;
}

std::string segment_id(const fs::path& segment) {
  return segment.stem().string();
}

Time segment_time(std::string_view id) {
  std::int64_t milliseconds = 0;
  // A name that this program did not create has no time: 1970.
  std::from_chars(id.data(), id.data() + id.size(), milliseconds);
  return Time{std::chrono::milliseconds{milliseconds}};
}

}  // namespace starttls::journal
