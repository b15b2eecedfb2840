#include "tlsrpt/gzip.h"

#include <zlib.h>

#include <limits>
#include <memory>

namespace starttls::tlsrpt {
namespace {

constexpr int gzip_format = 15 + 16;  // deflateInit2(): the largest window, with gzip's head and tail
constexpr int memory_level = 8;       // zlib's default

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
  // zlib's parameter lacks a const; it does not write there.
  stream.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(content.data()));
  stream.avail_in = static_cast<uInt>(content.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  if (deflate(&stream, Z_FINISH) != Z_STREAM_END) return fail(Fault::internal, "zlib: deflate did not end");
  packed.resize(stream.total_out);
  return packed;
}

}  // namespace starttls::tlsrpt
