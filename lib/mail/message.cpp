#include "mail/message.h"

#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/try.h"
#include "mail/gmime.h"
#include "mail/lines.h"

namespace starttls::mail {
namespace {

constexpr std::string_view default_type = "text/plain";                // RFC 2045 section 5.2
constexpr std::string_view default_type_in_digest = "message/rfc822";  // RFC 2046 section 5.1.5

// The fields of a header that we need.
struct Header {
  std::string content_type;
  std::string boundary;  // of a multipart
  GMimeContentEncoding encoding = GMIME_CONTENT_ENCODING_DEFAULT;

  bool is_multipart() const { return content_type.starts_with("multipart/") && !boundary.empty(); }
  bool is_message() const {
    const bool is_plain =
        encoding != GMIME_CONTENT_ENCODING_BASE64 && encoding != GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE;
    return is_plain && (content_type == "message/rfc822" || content_type == "message/global");
  }
};

void read_content_type(const std::string& value, Header& header) {
  const Owned<GMimeContentType> type(g_mime_content_type_parse(nullptr, value.c_str()));
  if (!type) return;
  const char* const media = g_mime_content_type_get_media_type(type.get());
  const char* const subtype = g_mime_content_type_get_media_subtype(type.get());
  const char* const boundary = g_mime_content_type_get_parameter(type.get(), "boundary");
  if (media != nullptr && subtype != nullptr)
    header.content_type = to_lower(fmt::format("{}/{}", media, subtype));
  if (boundary != nullptr) header.boundary = boundary;
}

// The value of the unfolded field if it has this name.
std::optional<std::string_view> value_of(std::string_view field, std::string_view name) {
  if (field.size() <= name.size() || field[name.size()] != ':') return std::nullopt;
  if (to_lower(field.substr(0, name.size())) != name) return std::nullopt;
  return trim(field.substr(name.size() + 1));
}

// Removes the next field from a header, with its continuation lines.
std::string_view take_field(std::string_view& rest) {
  std::size_t size = 0;
  do {
    size = std::min(rest.find('\n', size), rest.size() - 1) + 1;
  } while (size < rest.size() && (rest[size] == ' ' || rest[size] == '\t'));
  const std::string_view field = rest.substr(0, size);
  rest.remove_prefix(size);
  return field;
}

Result<std::string> read_text(const RandomAccessFile& source, std::uint64_t begin, std::uint64_t end) {
  std::string text(end - begin, '\0');
  text.resize(TRY(read_full(source.bytes(begin, end), text)));
  return text;
}

// If a field occurs several times, the last one counts, so that only one is parsed. A field over the size
// limit, which no valid one needs, is ignored. `type_if_absent` is the type of an entity that declares none.
Header parse_header(std::string_view text, std::string_view type_if_absent) {
  std::string_view type;
  std::string_view encoding;
  for (std::string_view rest = text; !rest.empty();) {
    const std::string_view field = take_field(rest);
    if (field.size() > field_size_limit) continue;
    if (const auto value = value_of(field, "content-type")) type = *value;
    if (const auto value = value_of(field, "content-transfer-encoding")) encoding = *value;
  }
  Header header;
  header.content_type = type.empty() ? type_if_absent : default_type;
  if (!type.empty()) read_content_type(std::string(type), header);
  if (!encoding.empty()) header.encoding = g_mime_content_encoding_from_string(std::string(encoding).c_str());
  return header;
}

// RFC 2046 section 5.1.1: whether the line is a boundary, and whether it is the last one.
enum class Boundary { none, next, last };
Boundary boundary_of(std::string_view line, std::string_view boundary) {
  if (!line.starts_with("--") || line.substr(2, boundary.size()) != boundary) return Boundary::none;
  const std::string_view rest = trim(line.substr(2 + boundary.size()));
  if (rest == "--") return Boundary::last;
  return rest.empty() ? Boundary::next : Boundary::none;
}

// Decodes the content of a part piece by piece, as it is read.
class Decoded {
 public:
  Decoded(ReadBytes encoded, GMimeContentEncoding encoding)
      : encoded_(std::move(encoded)),
        is_base64_(encoding == GMIME_CONTENT_ENCODING_BASE64),
        filter_(g_mime_filter_basic_new(encoding, FALSE)) {}

  Result<std::size_t> read(std::span<char> into) {
    while (rest_.empty() && !at_end_) {
      TRY(decode());
    }
    const std::size_t size = rest_.copy(into.data(), into.size());
    rest_.remove_prefix(size);
    return size;
  }

 private:
  static constexpr std::size_t piece_size = std::size_t{4} << 10U;  // bytes of encoded data

  Result<void> decode() {
    const auto got = TRY(encoded_(piece_));
    char* decoded = nullptr;
    std::size_t size = 0;
    std::size_t free_before = 0;  // for the next filter of a chain; there is none
    if (got > 0) {
      g_mime_filter_filter(filter_.get(), piece_.data(), got, 0, &decoded, &size, &free_before);
    } else {
      at_end_ = true;
      // Some programs omit the padding of base64, and GMime would drop the last bytes of such a text.
      std::string filling = is_base64_ ? "==" : "";
      g_mime_filter_complete(filter_.get(), filling.data(), filling.size(), 0, &decoded, &size, &free_before);
    }
    rest_ = {decoded, size};
    return {};
  }

  ReadBytes encoded_;
  bool is_base64_ = false;
  bool at_end_ = false;
  Owned<GMimeFilter> filter_;
  std::array<char, piece_size> piece_{};
  std::string_view rest_;  // in the filter's memory, valid until its next call, or in the piece
};

// Reads a mail line by line, once, however deep its parts are nested.
class Walk {
 public:
  Walk(const RandomAccessFile& source, const std::function<void(const Part&)>& take,
       const TakeHeader& take_header)
      : source_(source), take_(take), take_header_(take_header) {}

  Result<void> run(std::uint64_t begin, std::uint64_t end) {
    before_newline_ = begin;
    begin_entity(begin, default_type, true);
    Result<void> taken;
    auto done = for_each_line(source_, begin, end, [&](const Line& line) {
      taken = take_line(line);
      return taken.has_value();
    });
    if (!done) return done;
    return taken ? end_entity(end) : taken;
  }

 private:
  // Where the walk is.
  enum class State {
    header,   // of an entity
    leaf,     // in the content of a part that is not made of others
    between,  // in the preamble or epilogue of a multipart
    ignored   // in a part that lies too deep
  };

  // A multipart that is not closed yet, and how deep its parts lie.
  struct Open {
    std::string boundary;
    std::size_t level = 0;
    std::string_view default_type;  // of its parts
  };

  void begin_entity(std::uint64_t at, std::string_view type_if_absent, bool is_mail = false) {
    state_ = State::header;
    is_mail_ = is_mail;
    begin_ = at;
    type_if_absent_ = type_if_absent;
  }

  Result<void> take_line(const Line& line) {
    auto done =
        TRY(line.text.starts_with("--") && !open_.empty() ? take_boundary(line) : Result<bool>(false));
    before_newline_ = line.content_end;
    if (done || state_ != State::header) return {};
    if (line.end - begin_ > header_size_limit) return too_long();
    return line.is_blank() ? end_header(line.end) : Result<void>();
  }

  // A boundary of a multipart ends all parts inside it, closed or not.
  Result<bool> take_boundary(const Line& line) {
    for (std::size_t at = 0; at < open_.size(); ++at) {
      const Boundary kind = boundary_of(line.text, open_[at].boundary);
      if (kind == Boundary::none) continue;
      TRY(end_entity(std::max(begin_, before_newline_)));
      level_ = open_[at].level;
      open_.resize(kind == Boundary::last ? at : at + 1);
      state_ = State::between;
      if (kind == Boundary::next) begin_entity(line.end, open_.back().default_type);
      return true;
    }
    return false;
  }

  // Ends the header of an entity. Its content follows.
  Result<void> end_header(std::uint64_t end) {
    if (++seen_ > max_parts) return fail(Fault::data, "a mail of more than {} parts", max_parts);
    const auto text = TRY(read_text(source_, begin_, end));
    if (is_mail_ && take_header_) take_header_(text);
    auto header = parse_header(text, type_if_absent_);
    begin_ = end;
    if (header.is_message() && level_ < max_levels) {
      ++level_;
      begin_entity(end, default_type, true);
    } else if (header.is_multipart()) {
      state_ = level_ < max_levels ? State::between : State::ignored;
      if (level_ < max_levels) open_multipart(header);
    } else {
      header_ = std::move(header);
      state_ = State::leaf;
    }
    return {};
  }

  void open_multipart(const Header& header) {
    open_.push_back(
        {// A boundary longer than is allowed is compared only in its first bytes.
         .boundary = header.boundary.substr(0, line_begin_size / 2),
         .level = level_ + 1,
         .default_type = header.content_type == "multipart/digest" ? default_type_in_digest : default_type});
  }

  // Ends the entity that is being read.
  Result<void> end_entity(std::uint64_t end) {
    // Two boundaries one after the other have no part between them (RFC 2046 5.1.1).
    if (state_ == State::header && end == begin_) return {};
    // A header that ends here may belong to a mail in a mail, which then has an empty header.
    while (state_ == State::header) {
      if (end - begin_ > header_size_limit) return too_long();
      TRY(end_header(end));
    }
    if (state_ == State::leaf) {
      Decoded decoded(source_.bytes(begin_, end), header_.encoding);
      take_({.content_type = header_.content_type,
             .content = [&](std::span<char> into) { return decoded.read(into); }});
    }
    return {};
  }

  static std::unexpected<Error> too_long() {
    return fail(Fault::data, "a mail with a header of more than {} bytes", header_size_limit);
  }

  const RandomAccessFile& source_;
  const std::function<void(const Part&)>& take_;
  const TakeHeader& take_header_;
  State state_ = State::header;
  std::uint64_t begin_ = 0;                         // of the header, or of the content
  std::string_view type_if_absent_ = default_type;  // of the entity whose header it is
  bool is_mail_ = false;                            // whether that is a mail, not a part of one
  std::uint64_t before_newline_ = 0;  // end of the last line without its LF or CRLF (RFC 2046 5.1.1)
  std::size_t level_ = 0;             // of the entity that the walk is in
  std::size_t seen_ = 0;              // entities
  Header header_;                     // of the leaf
  std::vector<Open> open_;            // from the outermost in
};

}  // namespace

bool is_message(std::string_view head) {
  const auto end = head.find_first_of(": \t\r\n");
  if (end == std::string_view::npos || end == 0 || head[end] != ':') return false;
  // RFC 5322 section 3.6.8: the name of a field.
  return head.substr(0, end).find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == std::string_view::npos;
}

Result<void> for_each_part(const RandomAccessFile& source, std::uint64_t begin, std::uint64_t end,
                           const std::function<void(const Part&)>& take, const TakeHeader& take_header) {
  if (end - begin > message_size_limit) {
    return fail(Fault::data, "a mail larger than the limit of {} bytes", message_size_limit);
  }
  init_gmime();
  return Walk(source, take, take_header).run(begin, end);
}

}  // namespace starttls::mail
