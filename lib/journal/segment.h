// A journal segment: the file that records are appended to until it is folded into a database.
//
//   file   = magic record*             magic: the 8 bytes "STKJRNL1"
//   record = length crc payload        length: u32, little endian, of the payload (1 to 65536)
//                                      crc: u32, little endian, CRC-32 (ISO 3309, as zlib's) of the payload
//                                      payload: what the user of the journal encodes
//
// A record is appended with one write(2), so that only a power failure or a full disk leaves a part of one,
// at the end. The file's name without ".segment" is its id: unique for ever, and in the order of creation.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace starttls::journal {

inline constexpr std::string_view segment_magic = "STKJRNL1";
inline constexpr std::string_view segment_suffix = ".segment";
inline constexpr std::size_t max_payload_size = 65536;         // bytes
inline constexpr std::size_t max_segment_size = 256UL << 20U;  // bytes; the writer stays far below

// An id for a new segment: the time, and 64 random bits against two writers in the same millisecond.
std::string new_segment_id(Time now);

inline constexpr std::size_t frame_head = 8;  // bytes of length and crc

// length, crc, payload; the payload must have 1 to max_payload_size bytes.
std::string frame(std::string_view payload);
void append_frame(std::string& records, std::string_view payload);

// What a segment has besides its good records.
struct SegmentDamage {
  std::size_t records = 0;  // whole records whose CRC or content is wrong; ignored
  std::size_t tail = 0;     // bytes at the end that are no whole record
  bool any() const { return records > 0 || tail > 0; }
};

// Whether the content is a segment of a newer version, which must not be changed: its magic ends with another digit.
bool is_newer_segment(std::string_view content);

// Gets the payload of a record; false where that is none that was encoded.
using TakePayload = std::function<bool(std::string_view payload)>;

// Hands the payload of each whole record of the segment's content to `take`, in order. Fault::data where it is
// not a segment at all, or one of a newer version.
Result<SegmentDamage> read_segment(std::string_view content, const TakePayload& take);

// The segments of a journal directory, oldest first; empty where there is no such directory.
Result<std::vector<std::filesystem::path>> list_segments(const std::filesystem::path& directory);

std::string segment_id(const std::filesystem::path& segment);

// When the segment of this id was begun.
Time segment_time(std::string_view id);

}  // namespace starttls::journal
