// Writes a preload list (STARTTLS-Everywhere list format 0.1, JSON; starttls-list(5)), a line an entry, so that two
// editions can be compared by diff(1). reader.h reads it back.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "mtasts/mode.h"

namespace starttls::preload {

struct ListHead {
  Time timestamp;
  Time expires;  // later
  std::string author;
};

// Takes the text piece by piece, at most ListWriter::piece_size bytes.
class ListWriter {
 public:
  static constexpr std::size_t piece_size = std::size_t{64} << 10U;
  using Sink = std::function<Result<void>(std::string_view piece)>;

  ListWriter(const ListHead& head, Sink sink);
  ListWriter(const ListWriter&) = delete;
  ListWriter& operator=(const ListWriter&) = delete;
  ~ListWriter();

  // Each domain once, as DomainName makes it; the patterns as MxPattern does. Errors are those of the sink; after
  // one, nothing more may be added.
  Result<void> add(std::string_view domain, mtasts::Mode mode, std::span<const std::string> mxs);
  // The end of the text. A list without entries is none that reader.h would take.
  Result<void> finish();

 private:
  class Text;
  Result<void> pass_on();

  Sink sink_;
  std::unique_ptr<Text> text_;
  bool is_first_ = true;
};

}  // namespace starttls::preload
