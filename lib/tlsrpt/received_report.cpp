#include "tlsrpt/received_report.h"

#include <rapidjson/error/en.h>
#include <rapidjson/stream.h>

#include <memory>
#include <optional>

#include "base/text.h"
#include "tlsrpt/report_handler.h"

namespace starttls::tlsrpt {
namespace {

// Iterative: nested values use the heap, not the stack, and the handler refuses too deep nesting.
constexpr unsigned parse_flags = rapidjson::kParseIterativeFlag | rapidjson::kParseNumbersAsStringsFlag;
constexpr unsigned in_place_flags = parse_flags | rapidjson::kParseInsituFlag;

// RapidJSON collects a whole text before the handler can check it.
constexpr std::size_t collected_limit = std::size_t{1} << 20U;  // bytes
struct TooLong {};

// The allocator that RapidJSON collects a text with: its CrtAllocator with a limit. The exception is caught
// below.
struct LimitedAllocator : rapidjson::CrtAllocator {
  void* Malloc(std::size_t size) { return CrtAllocator::Malloc(checked(size)); }
  void* Realloc(void* old, std::size_t old_size, std::size_t size) {
    return CrtAllocator::Realloc(old, old_size, checked(size));
  }
  static std::size_t checked(std::size_t size) {
    if (size > collected_limit) throw TooLong();
    return size;
  }
};
using Reader = rapidjson::GenericReader<rapidjson::UTF8<>, rapidjson::UTF8<>, LimitedAllocator>;

// A report as a stream for RapidJSON's reader. It holds one piece at a time.
class JsonStream {
 public:
  using Ch = char;

  explicit JsonStream(const ReadBytes& read)
      : read_(read), buffer_(std::make_unique_for_overwrite<char[]>(piece_size)) {
    refill();
  }

  // The next character; 0 at the end, and for a NUL in the text.
  char Peek() const { return next_ == end_ ? '\0' : *next_; }
  char Take() {
    const char c = Peek();
    if (next_ == end_) return c;
    ++next_;
    if (next_ == end_) refill();
    return c;
  }
  std::size_t Tell() const { return before_ + static_cast<std::size_t>(next_ - buffer_.get()); }
  // Bytes that were read, even if they were not parsed yet.
  std::uint64_t read_size() const { return before_ + static_cast<std::size_t>(end_ - buffer_.get()); }

  // RapidJSON needs these for writing streams only.
  char* PutBegin() { return nullptr; }
  void Put(char) {}
  std::size_t PutEnd(char*) { return 0; }

  // The rest of the piece in memory.
  std::string_view rest() const { return {next_, end_}; }
  bool at_end() const { return next_ == end_; }
  // Why the text ended early, if it did.
  const std::optional<Error>& error() const { return error_; }

 private:
  // Small enough that malloc(3) does no cleanup work when it is freed.
  static constexpr std::size_t piece_size = std::size_t{16} << 10U;

  void refill() {
    before_ += static_cast<std::size_t>(end_ - buffer_.get());
    next_ = end_ = buffer_.get();
    const auto size = read_full(read_, std::span(buffer_.get(), piece_size));
    if (!size) {
      error_ = size.error();
    } else if (before_ + *size > report_size_limit) {
      error_ = Error{Fault::data, fmt::format("more than {} bytes of JSON", report_size_limit)};
    } else {
      end_ += *size;
    }
  }

  const ReadBytes& read_;
  std::unique_ptr<char[]> buffer_;
  const char* next_ = buffer_.get();
  const char* end_ = buffer_.get();
  std::size_t before_ = 0;  // bytes of the pieces before this one
  std::optional<Error> error_;
};

template <class Stream>
void skip_byte_order_mark(std::string_view text, Stream& stream) {
  if (!text.starts_with(byte_order_mark)) return;
  for (std::size_t i = 0; i < byte_order_mark.size(); ++i) stream.Take();
}

// The result of a parsed text. RapidJSON takes a NUL for its end.
Result<ReportReading> conclude(const rapidjson::ParseResult& result, ReportHandler&& handler,
                               std::size_t ended_at, bool at_end) {
  if (!handler.refusal().empty()) return fail(Fault::data, "{}", handler.refusal());
  if (result.IsError()) {
    return fail(Fault::data, "no JSON, at byte {}: {}", result.Offset(),
                rapidjson::GetParseError_En(result.Code()));
  }
  if (!at_end) return fail(Fault::data, "something follows the end of the JSON, at byte {}", ended_at);
  return std::move(handler).finish();
}

}  // namespace

Result<ReportReading> read_report(const ReadBytes& json, const TakePolicy& take,
                                  const ReceivedSize& received) try {
  JsonStream stream(json);
  skip_byte_order_mark(stream.rest(), stream);
  ReportHandler handler(take, received ? received : [&] { return stream.read_size(); });
  const auto result = Reader().Parse<parse_flags>(stream, handler);
  if (stream.error()) return std::unexpected(*stream.error());
  return conclude(result, std::move(handler), stream.Tell(), stream.at_end());
} catch (const TooLong&) {
  return fail(Fault::data, "a text of more than {} bytes", collected_limit);
}

Result<ReportReading> read_report_in_place(std::span<char> json, const TakePolicy& take,
                                           const ReceivedSize& received) {
  rapidjson::InsituStringStream stream(json.data());
  skip_byte_order_mark({json.data(), json.size()}, stream);
  ReportHandler handler(take, received);
  const auto result = rapidjson::Reader().Parse<in_place_flags>(stream, handler);
  return conclude(result, std::move(handler), stream.Tell(), stream.Tell() == json.size());
}

}  // namespace starttls::tlsrpt
