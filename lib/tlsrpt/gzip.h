// Compression of reports (gzip, RFC 1952).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

struct libdeflate_decompressor;  // of libdeflate
struct z_stream_s;               // of zlib

namespace starttls::tlsrpt {

// One gzip member without a file name or time, so that the same content gives the same bytes. Content up to 4
// GiB; Fault::internal where zlib has no memory.
Result<std::string> gzip(std::string_view content);

// The same of content that comes piece by piece, packed faster and less closely.
class Gzip {
 public:
  Gzip();

  Result<void> add(std::string_view piece);
  // Returns the packed data of all pieces; then a new member can begin.
  Result<std::string> finish();
  std::size_t packed_size() const { return packed_.size(); }

 private:
  Result<void> deflate(int flush);

  std::unique_ptr<z_stream_s, void (*)(z_stream_s*)> stream_;
  std::string packed_;
};

// Content that is packed closer than this many to one, and is larger than a mebibyte, is a bomb: reports of a
// hundred thousand policies that differ in a digit come to 73 to one; deflate can do 1,032.
inline constexpr std::size_t max_packing_ratio = 500;

// Whether the content begins as gzip does.
bool is_gzip(std::string_view content);

// Decompresses one or more gzip members piece by piece.
class Gunzip {
 public:
  Gunzip();

  // `packed` must outlive the calls of read().
  void begin(const ReadBytes& packed, std::uint64_t limit);

  // The next bytes of the content, as many as there are but at most as the span takes; 0 at the end.
  // Fault::data, before it gives more than `limit` bytes, where there are more than that, or they are packed
  // too closely, damaged, cut short, or followed by something else.
  Result<std::size_t> read(std::span<char> into);

 private:
  Result<void> fill();
  Result<bool> begin_member();

  std::unique_ptr<z_stream_s, void (*)(z_stream_s*)> stream_;
  const ReadBytes* packed_ = nullptr;
  std::uint64_t limit_ = 0;
  std::uint64_t taken_ = 0;  // bytes of packed data
  std::uint64_t given_ = 0;  // bytes of content
  bool in_member_ = false;
  bool at_end_ = false;  // of the packed data
  std::vector<char> input_;
};

// Decompresses small content at once, in a third of the time of Gunzip.
class SmallGunzip {
 public:
  static constexpr std::size_t content_limit = std::size_t{256} << 10U;  // bytes

  SmallGunzip();

  // The content of one or more gzip members, valid until the next call; the caller may overwrite it. A NUL follows.
  // Nothing where Gunzip has to decide: `packed` is damaged, or its content is over content_limit.
  std::optional<std::span<char>> unpack(std::string_view packed);

 private:
  std::unique_ptr<libdeflate_decompressor, void (*)(libdeflate_decompressor*)> decompressor_;
  std::unique_ptr<char[]> content_;
};

}  // namespace starttls::tlsrpt
