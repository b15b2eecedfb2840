#include "tlsrpt/gzip.h"

#include <zlib.h>

#include <array>
#include <limits>
#include <memory>

namespace starttls::tlsrpt {
namespace {

constexpr int gzip_format = 15 + 16;  // deflateInit2(): the largest window, with gzip's head and tail
constexpr int memory_level = 8;       // zlib's default
constexpr std::string_view magic = "\x1F\x8B";
constexpr std::size_t never_a_bomb = std::size_t{1} << 20U;  // bytes of content

// zlib's parameter lacks a const; it does not write there.
Bytef* input(std::string_view bytes) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
}

bool is_bomb(std::size_t content, std::size_t packed) {
  return content > never_a_bomb && content / most_packed > packed;
}

// Appends the content of the member that is next.
Result<void> unpack_member(z_stream& stream, std::string& content, std::size_t packed, std::size_t limit) {
  std::array<char, std::size_t{64} << 10U> buffer{};
  for (int state = Z_OK; state != Z_STREAM_END;) {
    stream.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream.avail_out = buffer.size();
    state = inflate(&stream, Z_NO_FLUSH);
    if (state == Z_MEM_ERROR) return fail(Fault::internal, "zlib has no memory");
    // Where there was no progress, more input is wanted than there is.
    if (state == Z_BUF_ERROR) return fail(Fault::data, "the gzip data ends too early");
    if (state != Z_OK && state != Z_STREAM_END) {
      return fail(Fault::data, "the gzip data is damaged{}{}", stream.msg != nullptr ? ": " : "",
                  stream.msg != nullptr ? stream.msg : "");
    }
    const std::size_t unpacked = buffer.size() - stream.avail_out;
    if (unpacked > limit - content.size())
      return fail(Fault::data, "more than {} bytes when unpacked", limit);
    content.append(buffer.data(), unpacked);
    if (is_bomb(content.size(), packed)) {
      return fail(Fault::data, "packed more than {} to one, as only bombs are", most_packed);
    }
  }
  return {};
}

}  // namespace

Result<std::string> gzip(std::string_view content) {
  if (content.size() > std::numeric_limits<uInt>::max()) return fail(Fault::data, "too large to compress");
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, gzip_format, memory_level, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return fail(Fault::internal, "zlib has no memory");
  }
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, &deflateEnd);
  std::string packed(deflateBound(&stream, content.size()), '\0');
  stream.next_in = input(content);
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) return fail(Fault::internal, "zlib: deflate did not end");
  packed.resize(stream.total_out);
  return packed;
}

bool is_gzip(std::string_view content) {
  return content.starts_with(magic);
}

Result<std::string> gunzip(std::string_view packed, std::size_t limit) {
  if (packed.size() > std::numeric_limits<uInt>::max()) return fail(Fault::data, "too large to unpack");
  if (!is_gzip(packed)) return fail(Fault::data, "no gzip data");
  z_stream stream{};
  stream.next_in = input(packed);
  stream.avail_in = static_cast<uInt>(packed.size());
  if (inflateInit2(&stream, gzip_format) != Z_OK) return fail(Fault::internal, "zlib has no memory");
  const std::unique_ptr<z_stream, int (*)(z_stream*)> owner(&stream, &inflateEnd);
  std::string content;
  while (true) {
    if (auto unpacked = unpack_member(stream, content, packed.size(), limit); !unpacked) {
      return std::unexpected(unpacked.error());
    }
    if (stream.avail_in == 0) return content;
    const std::string_view rest = packed.substr(packed.size() - stream.avail_in);
    if (!is_gzip(rest)) {
      return fail(Fault::data, "something follows the gzip data, at byte {}", packed.size() - rest.size());
    }
    inflateReset(&stream);
  }
}

}  // namespace starttls::tlsrpt
