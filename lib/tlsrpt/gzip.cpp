#include "tlsrpt/gzip.h"

#include <libdeflate.h>
#include <zlib.h>

#include <array>
#include <limits>

#include "base/try.h"

namespace starttls::tlsrpt {
namespace {

constexpr int gzip_format = 15 + 16;  // deflateInit2(): the largest window, with gzip's head and tail
constexpr int memory_level = 8;       // zlib's default
constexpr std::string_view magic = "\x1F\x8B";
constexpr std::uint64_t never_a_bomb = std::uint64_t{1} << 20U;  // bytes of content
constexpr std::size_t piece_size = std::size_t{64} << 10U;
static_assert(SmallGunzip::content_limit <= never_a_bomb);

// RFC 1952 section 2.3.
constexpr std::size_t flags_at = 3;
constexpr unsigned has_header_checksum = 0x02;

// zlib's parameter is not const, but zlib does not write there.
Bytef* input(std::string_view bytes) {
  return const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
}

void end_deflate(z_stream* stream) {
  ::deflateEnd(stream);
  delete stream;
}

void end_inflate(z_stream* stream) {
  ::inflateEnd(stream);
  delete stream;
}

std::unexpected<Error> no_memory() {
  return fail(Fault::internal, "zlib has no memory");
}

}  // namespace

Result<std::string> gzip(std::string_view content) {
  if (content.size() > std::numeric_limits<uInt>::max()) return fail(Fault::data, "too large to compress");
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, gzip_format, memory_level, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return no_memory();
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

Gzip::Gzip() : stream_(nullptr, &end_deflate) {}

Result<void> Gzip::add(std::string_view piece) {
  if (!stream_) {
    auto stream = std::make_unique<z_stream>();
    if (deflateInit2(stream.get(), Z_BEST_SPEED, Z_DEFLATED, gzip_format, memory_level, Z_DEFAULT_STRATEGY) !=
        Z_OK) {
      return no_memory();
    }
    stream_.reset(stream.release());
  }
  while (!piece.empty()) {
    const std::string_view part = piece.substr(0, std::numeric_limits<uInt>::max());
    stream_->next_in = input(part);
    stream_->avail_in = static_cast<uInt>(part.size());
    TRY(deflate(Z_NO_FLUSH));
    piece.remove_prefix(part.size());
  }
  return {};
}

Result<void> Gzip::deflate(int flush) {
  std::array<char, piece_size> buffer;
  do {
    stream_->next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream_->avail_out = buffer.size();
    if (::deflate(stream_.get(), flush) == Z_STREAM_ERROR) {
      return fail(Fault::internal, "zlib: deflate did not go on");
    }
    packed_.append(buffer.data(), buffer.size() - stream_->avail_out);
  } while (stream_->avail_out == 0);
  return {};
}

Result<std::string> Gzip::finish() {
  TRY(add({}));
  stream_->avail_in = 0;
  TRY(deflate(Z_FINISH));
  deflateReset(stream_.get());
  return std::exchange(packed_, {});
}

bool is_gzip(std::string_view content) {
  return content.starts_with(magic);
}

Gunzip::Gunzip() : stream_(nullptr, &end_inflate), input_(piece_size) {}

void Gunzip::begin(const ReadBytes& packed, std::uint64_t limit) {
  packed_ = &packed;
  limit_ = limit;
  taken_ = given_ = 0;
  in_member_ = at_end_ = false;
  if (stream_) stream_->avail_in = 0;
}

// Reads more packed data. Afterwards avail_in is 0 only at the end of the data.
Result<void> Gunzip::fill() {
  if (stream_->avail_in > 0 || at_end_) return {};
  const auto size = TRY((*packed_)(input_));
  at_end_ = size == 0;
  taken_ += size;
  stream_->next_in = reinterpret_cast<Bytef*>(input_.data());
  stream_->avail_in = static_cast<uInt>(size);
  return {};
}

// Returns false at the end. Checks the first byte of a member; zlib reports other errors.
Result<bool> Gunzip::begin_member() {
  if (!stream_) {
    auto stream = std::make_unique<z_stream>();
    if (inflateInit2(stream.get(), gzip_format) != Z_OK) return no_memory();
    stream_.reset(stream.release());
  }
  TRY(fill());
  const std::uint64_t at = taken_ - stream_->avail_in;
  if (stream_->avail_in == 0 && at > 0) return false;
  const bool is_magic = stream_->avail_in > 0 && *stream_->next_in == static_cast<Bytef>(magic[0]);
  if (!is_magic && at > 0) return fail(Fault::data, "something follows the gzip data, at byte {}", at);
  if (!is_magic) return fail(Fault::data, "no gzip data");
  inflateReset(stream_.get());
  return true;
}

Result<std::size_t> Gunzip::read(std::span<char> into) {
  while (true) {
    if (!in_member_) {
      const auto begun = TRY(begin_member());
      if (!begun) return 0;
      in_member_ = true;
    }
    TRY(fill());
    stream_->next_out = reinterpret_cast<Bytef*>(into.data());
    stream_->avail_out = static_cast<uInt>(std::min(into.size(), piece_size));
    const uInt room = stream_->avail_out;
    const int state = inflate(stream_.get(), Z_NO_FLUSH);
    if (state == Z_MEM_ERROR) return no_memory();
    // No progress means that zlib needs more input than there is.
    if (state == Z_BUF_ERROR) return fail(Fault::data, "the gzip data ends too early");
    if (state != Z_OK && state != Z_STREAM_END) {
      return fail(Fault::data, "the gzip data is damaged{}{}", stream_->msg != nullptr ? ": " : "",
                  stream_->msg != nullptr ? stream_->msg : "");
    }
    in_member_ = state != Z_STREAM_END;
    const std::size_t size = room - stream_->avail_out;
    if (size > limit_ - given_) return fail(Fault::data, "more than {} bytes when unpacked", limit_);
    given_ += size;
    // taken_ may include data that zlib has not used yet. It counts in favour of the file, but it is little.
    if (given_ > never_a_bomb && given_ / max_packing_ratio > taken_) {
      return fail(Fault::data, "packed more than {} to one, as only bombs are", max_packing_ratio);
    }
    if (size > 0) return size;
  }
}

SmallGunzip::SmallGunzip()
    : decompressor_(::libdeflate_alloc_decompressor(), &::libdeflate_free_decompressor),
      content_(std::make_unique_for_overwrite<char[]>(content_limit + 1)) {}

std::optional<std::span<char>> SmallGunzip::unpack(std::string_view packed) {
  if (!decompressor_) return std::nullopt;
  std::size_t size = 0;
  do {
    // libdeflate does not verify the checksum of a header.
    if (packed.size() <= flags_at ||
        (static_cast<unsigned char>(packed[flags_at]) & has_header_checksum) != 0)
      return std::nullopt;
    std::size_t taken = 0;
    std::size_t given = 0;
    const auto result =
        ::libdeflate_gzip_decompress_ex(decompressor_.get(), packed.data(), packed.size(),
                                        content_.get() + size, content_limit - size, &taken, &given);
    if (result != LIBDEFLATE_SUCCESS) return std::nullopt;
    size += given;
    packed.remove_prefix(taken);
  } while (!packed.empty());
  content_[size] = '\0';
  return std::span(content_.get(), size);
}

}  // namespace starttls::tlsrpt
