#include "tlsrpt/container.h"

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "base/counted.h"
#include "base/text.h"
#include "mail/bounce_text.h"
#include "mail/delivery_status.h"
#include "mail/mbox.h"
#include "mail/message.h"
#include "tlsrpt/gzip.h"

namespace starttls::tlsrpt {
namespace {

enum class Kind { nothing, gzip, json, zip, folder, message, unknown };

constexpr std::size_t sniffed = 512;  // the first bytes, which decide the file's type

std::string_view without_blanks(std::string_view head) {
  if (head.starts_with(byte_order_mark)) head.remove_prefix(byte_order_mark.size());
  const auto first = head.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view() : head.substr(first);
}

Kind kind_of(std::string_view head) {
  const std::string_view text = without_blanks(head.substr(0, sniffed));
  if (text.empty()) return Kind::nothing;
  if (is_gzip(head)) return Kind::gzip;
  if (text.starts_with('{') || text.starts_with('[')) return Kind::json;
  if (head.starts_with("PK\x03\x04")) return Kind::zip;
  if (mail::is_mbox(head)) return Kind::folder;
  if (mail::is_message(head)) return Kind::message;
  return Kind::unknown;
}

constexpr const char* zip_refused = "a zip archive; reports come as gzip or JSON (RFC 8460 section 5.3)";

// What was found in a mail that has no report so far.
struct Seen {
  std::size_t reports = 0;
  std::size_t parts = 0;
  bool zip = false;
  bool bounce = false;
  std::optional<Error> error;

  Error refusal() const {
    if (error) return *error;
    if (zip) return {Fault::data, zip_refused};
    if (parts == 0) return {Fault::data, "an empty mail"};
    return {Fault::data,
            fmt::format("a mail without a report: of its {} none is gzip or JSON", counted(parts, "part"))};
  }
};

void take_part(const mail::Part& part, const Location& place, Seen& seen, const TakeDocument& take) {
  ++seen.parts;
  // The mail that came back follows, with a report of ours.
  seen.bounce = seen.bounce || mail::is_delivery_status(part.content_type);
  if (seen.bounce) return;
  std::array<char, sniffed> head{};
  const auto size = read_full(part.content, head);
  if (!size) seen.error = size.error();
  const std::string_view beginning(head.data(), size.value_or(0));
  seen.bounce = seen.parts == 1 && mail::is_qmail_bounce(beginning);
  const Kind kind = kind_of(beginning);
  seen.zip = seen.zip || kind == Kind::zip;
  if (kind != Kind::gzip && kind != Kind::json) return;
  if (++seen.reports > max_reports) return;
  take(place, chain(beginning, part.content));
}

void take_message(const mail::RandomAccessFile& source, std::uint64_t begin, std::uint64_t end,
                  std::uint64_t message, const TakeDocument& take) {
  Location place{.message = message, .is_mail = true, .begin = begin, .end = end};
  Seen seen;
  const auto done = mail::for_each_part(
      source, begin, end, [&](const mail::Part& part) { take_part(part, place, seen, take); },
      [&](std::string_view header) { seen.bounce = seen.bounce || mail::names_failed_recipients(header); });
  if (!done) return take(place, std::unexpected(done.error()));
  if (seen.reports == 0 && seen.bounce) {
    place.is_bounce = true;
    return take(place, fail(Fault::data, "a mail that came back"));
  }
  if (seen.reports == 0) take(place, std::unexpected(seen.refusal()));
  if (seen.reports > max_reports) {
    take(place, fail(Fault::data, "a mail with {}: those after the first {} are not read",
                     counted(seen.reports, "report"), max_reports));
  }
}

}  // namespace

Result<void> for_each_document(const mail::RandomAccessFile& source, const TakeDocument& take,
                               FromLine from_line) {
  switch (kind_of(source.head())) {
    case Kind::gzip:
    case Kind::json:
      take({}, source.bytes(0, source.size()));
      return {};
    case Kind::message:
      take_message(source, 0, source.size(), 0, take);
      return {};
    case Kind::folder: {
      if (from_line == FromLine::begins_mail) {
        const auto line_end = source.head().find('\n');
        const std::uint64_t begin = line_end == std::string_view::npos ? source.size() : line_end + 1;
        take_message(source, begin, source.size(), 0, take);
        return {};
      }
      std::uint64_t message = 0;
      return mail::for_each_message(source, [&](std::uint64_t begin, std::uint64_t end) {
        take_message(source, begin, end, ++message, take);
      });
    }
    case Kind::zip:
      return fail(Fault::data, "{}", zip_refused);
    case Kind::nothing:
      return fail(Fault::data, "nothing is in it");
    case Kind::unknown:
      break;
  }
  return fail(Fault::data, "neither JSON, gzip, mail nor a mailbox");
}

}  // namespace starttls::tlsrpt
