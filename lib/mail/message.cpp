#include "mail/message.h"

#include <array>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/text.h"
#include "mail/gmime.h"
#include "mail/lines.h"

namespace starttls::mail {
namespace {

// A part of the mail, or the whole, that is still to be looked at.
struct Entity {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::size_t level = 0;
};

// What its header says of it.
struct Header {
  std::string content_type = "text/plain";  // RFC 2045 section 5.2
  std::string boundary;                     // of a multipart
  GMimeContentEncoding encoding = GMIME_CONTENT_ENCODING_DEFAULT;
  std::uint64_t body = 0;  // where that begins

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

// The value of a field, where the unfolded line is of that name.
std::optional<std::string> value_of(std::string_view line, std::string_view name) {
  if (line.size() <= name.size() || line[name.size()] != ':') return std::nullopt;
  if (to_lower(line.substr(0, name.size())) != name) return std::nullopt;
  return std::string(trim(line.substr(name.size() + 1)));
}

void read_field(const std::string& line, Header& header) {
  if (const auto type = value_of(line, "content-type")) read_content_type(*type, header);
  if (const auto encoding = value_of(line, "content-transfer-encoding")) {
    header.encoding = g_mime_content_encoding_from_string(encoding->c_str());
  }
}

// Up to an empty line, or what is no line of a header: then the body begins there.
Result<Header> read_header(const Source& source, const Entity& entity) {
  Header header{.body = entity.end};
  const auto done = for_each_line(source, entity.begin, entity.end, [&](const Line& line) {
    header.body = line.end;
    return !line.is_blank();
  });
  if (!done) return std::unexpected(done.error());
  const std::uint64_t size = header.body - entity.begin;
  if (size > header_size_limit) {
    return fail(Fault::data, "a mail with a header of more than {} bytes", header_size_limit);
  }
  std::string text(size, '\0');
  const auto got = read_full(source.bytes(entity.begin, header.body), text);
  if (!got) return std::unexpected(got.error());
  std::string field;
  for (std::string_view rest(text.data(), *got); !rest.empty();) {
    const std::string_view line = rest.substr(0, std::min(rest.find('\n'), rest.size() - 1) + 1);
    rest.remove_prefix(line.size());
    if (!line.starts_with(' ') && !line.starts_with('\t')) {
      read_field(field, header);
      field.clear();
    }
    field += line;
  }
  read_field(field, header);
  return header;
}

// RFC 2046 section 5.1.1: whether the line is a boundary, and whether the last one.
enum class Boundary { none, next, last };
Boundary boundary_of(std::string_view line, std::string_view boundary) {
  if (!line.starts_with("--") || line.substr(2, boundary.size()) != boundary) return Boundary::none;
  const std::string_view rest = trim(line.substr(2 + boundary.size()));
  if (rest == "--") return Boundary::last;
  return rest.empty() ? Boundary::next : Boundary::none;
}

// The parts of a multipart, in their order. One that is not closed ends with the multipart.
Result<std::vector<Entity>> parts_of(const Source& source, const Header& header, const Entity& entity) {
  // What is longer than a boundary may be is compared as far as it is at hand.
  const std::string_view boundary = std::string_view(header.boundary).substr(0, line_begin_size / 2);
  std::vector<Entity> parts;
  std::optional<std::uint64_t> begin;
  const auto add = [&](std::uint64_t end) {
    if (begin) parts.push_back({.begin = *begin, .end = std::max(*begin, end), .level = entity.level + 1});
    begin.reset();
  };
  std::uint64_t before_newline = header.body;  // where the line before ends, without its newline
  const auto done = for_each_line(source, header.body, entity.end, [&](const Line& line) {
    const Boundary kind = boundary_of(line.text, boundary);
    if (kind != Boundary::none) {
      add(before_newline);
      if (kind == Boundary::next) begin = line.end;
    }
    before_newline = line.end - std::min<std::uint64_t>(line.end - line.begin, 1);
    return kind != Boundary::last && parts.size() < most_parts + 1;
  });
  if (!done) return std::unexpected(done.error());
  add(entity.end);
  return parts;
}

// The content of a part without its transfer encoding, as it is asked for.
class Decoded {
 public:
  Decoded(ReadBytes encoded, GMimeContentEncoding encoding) : encoded_(std::move(encoded)) {
    g_mime_encoding_init_decode(&state_, encoding);
  }

  Result<std::size_t> read(std::span<char> into) {
    while (rest_.empty() && !at_end_) {
      if (auto done = decode(); !done) return std::unexpected(done.error());
    }
    const std::size_t size = rest_.copy(into.data(), into.size());
    rest_.remove_prefix(size);
    return size;
  }

 private:
  static constexpr std::size_t piece_size = std::size_t{4} << 10U;  // bytes of encoded data

  Result<void> decode() {
    std::array<char, piece_size> piece;
    const auto got = encoded_(piece);
    if (!got) return std::unexpected(got.error());
    std::size_t size = 0;
    if (*got > 0) {
      size = g_mime_encoding_step(&state_, piece.data(), *got, decoded_.data());
    } else {
      at_end_ = true;
      // Some leave out what fills the last four characters of base64, and GMime would drop the bytes of
      // these.
      const std::string_view filling = state_.encoding == GMIME_CONTENT_ENCODING_BASE64 ? "==" : "";
      size = g_mime_encoding_flush(&state_, filling.data(), filling.size(), decoded_.data());
    }
    rest_ = {decoded_.data(), size};
    return {};
  }

  ReadBytes encoded_;
  bool at_end_ = false;
  GMimeEncoding state_{};
  // g_mime_encoding_outlen(): what is decoded is no longer, but for the bytes that are kept from one piece to
  // the next.
  std::array<char, piece_size + 64> decoded_;
  std::string_view rest_;
};

void take_leaf(const Source& source, const Header& header, const Entity& entity,
               const std::function<void(const Part&)>& take) {
  Decoded decoded(source.bytes(header.body, entity.end), header.encoding);
  take({.content_type = header.content_type,
        .content = [&](std::span<char> into) { return decoded.read(into); }});
}

}  // namespace

bool is_message(std::string_view head) {
  const auto end = head.find_first_of(": \t\r\n");
  if (end == std::string_view::npos || end == 0 || head[end] != ':') return false;
  // RFC 5322 section 3.6.8: the name of a field.
  return head.substr(0, end).find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") == std::string_view::npos;
}

Result<void> for_each_part(const Source& source, std::uint64_t begin, std::uint64_t end,
                           const std::function<void(const Part&)>& take) {
  if (end - begin > message_size_limit) {
    return fail(Fault::data, "a mail larger than the limit of {} bytes", message_size_limit);
  }
  begin_gmime();
  std::vector<Entity> open{{.begin = begin, .end = end}};  // the next one last
  for (std::size_t seen = 0; !open.empty(); ++seen) {
    if (seen == most_parts) return fail(Fault::data, "a mail of more than {} parts", most_parts);
    const Entity entity = open.back();
    open.pop_back();
    const auto header = read_header(source, entity);
    if (!header) return std::unexpected(header.error());
    if (header->is_message() && entity.level < most_levels) {
      open.push_back({.begin = header->body, .end = entity.end, .level = entity.level + 1});
    } else if (header->is_multipart()) {
      if (entity.level == most_levels) continue;
      const auto parts = parts_of(source, *header, entity);
      if (!parts) return std::unexpected(parts.error());
      open.insert(open.end(), parts->rbegin(), parts->rend());
    } else {
      take_leaf(source, *header, entity, take);
    }
  }
  return {};
}

}  // namespace starttls::mail
