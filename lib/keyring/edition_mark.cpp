#include "keyring/edition_mark.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <chrono>

#include "base/text.h"
#include "base/try.h"
#include "keyring/list_name.h"

namespace starttls::keyring {
namespace {

constexpr std::string_view no_edition_before = "none";
constexpr std::uint64_t max_seconds = 253'402'300'799;  // the end of the year 9999

// The values of the fields that are known; none where the comment does not have it.
struct Fields {
  std::optional<std::string_view> timestamp;
  std::optional<std::string_view> file;
  std::optional<std::string_view> list;
  std::optional<std::string_view> edition;
  std::optional<std::string_view> previous;
};

struct Field {
  std::string_view name;
  std::optional<std::string_view> Fields::* value;
};
constexpr std::array known{
    Field{.name = "timestamp", .value = &Fields::timestamp}, Field{.name = "file", .value = &Fields::file},
    Field{.name = "list", .value = &Fields::list}, Field{.name = "edition", .value = &Fields::edition},
    Field{.name = "previous", .value = &Fields::previous}};

// The error says that it is the trusted comment's.
template <class... Args>
std::unexpected<Error> wrong(std::string_view field, fmt::format_string<Args...> format, Args&&... args) {
  return fail(Fault::data, "its trusted comment: {}: {}", field,
              fmt::format(format, std::forward<Args>(args)...));
}

Result<Fields> split(std::string_view comment) {
  Fields fields;
  for (bool more = true; more;) {
    const std::size_t end = comment.find('\t');
    const std::string_view field = comment.substr(0, end);
    more = end != std::string_view::npos;
    if (more) comment.remove_prefix(end + 1);
    for (const auto& [name, value] : known) {
      if (!field.starts_with(name) || !field.substr(name.size()).starts_with(':')) continue;
      if (fields.*value) return wrong(name, "is there twice");
      fields.*value = field.substr(name.size() + 1);
    }
  }
  return fields;
}

Result<std::uint64_t> parse_number(std::string_view field, std::string_view text, std::uint64_t least,
                                   std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size() && number >= least && number <= most)
    return number;
  return wrong(field, "is not a number from {} to {}", least, most);
}

Result<std::optional<minisign::Hash>> parse_previous(std::string_view text, std::uint64_t edition) {
  if (edition == 1) {
    if (text == no_edition_before) return std::nullopt;
    return wrong("previous", "is not '{}', although this is edition 1", no_edition_before);
  }
  auto hash = minisign::parse_hash(text);
  if (!hash) return wrong("previous", "is not 128 hexadecimal digits");
  return hash;
}

}  // namespace

Result<std::optional<EditionMark>> parse_edition_mark(std::string_view trusted_comment) {
  const Fields fields = TRY(split(trusted_comment));
  if (!fields.edition) return std::nullopt;
  for (const auto& [name, value] : known) {
    if (!(fields.*value)) return wrong(name, "is missing");
  }
  EditionMark mark{
      .file = std::string(*fields.file), .list = std::string(*fields.list), .time = {}, .previous = {}};
  mark.edition = TRY(parse_number("edition", *fields.edition, 1, max_edition));
  const auto seconds = TRY(parse_number("timestamp", *fields.timestamp, 0, max_seconds));
  mark.time = Time(std::chrono::seconds(seconds));
  if (mark.file.empty()) return wrong("file", "is empty");
  if (const auto named = check_list_name(mark.list); !named)
    return wrong("list", "{}", named.error().message);
  mark.previous = TRY(parse_previous(*fields.previous, mark.edition));
  return mark;
}

std::string to_trusted_comment(const EditionMark& mark) {
  return fmt::format("timestamp:{}\tfile:{}\tlist:{}\tedition:{}\tprevious:{}",
                     std::chrono::floor<std::chrono::seconds>(mark.time).time_since_epoch().count(),
                     mark.file, mark.list, mark.edition,
                     mark.previous ? minisign::to_hex(*mark.previous) : std::string(no_edition_before));
}

}  // namespace starttls::keyring
