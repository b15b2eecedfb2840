#include "tlsrpt/record.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <set>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "base/try.h"
#include "base/txt_record.h"

namespace starttls::tlsrpt {
namespace {

constexpr std::string_view version = "v=TLSRPTv1";
constexpr std::string_view blanks = " \t";
constexpr std::string_view mailto = "mailto:";
constexpr std::string_view https = "https:";
constexpr std::size_t max_local_part = 64;  // RFC 5321 section 4.5.3.1.1

bool is_alphanumeric(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool has_scheme(std::string_view uri, std::string_view scheme) {
  return to_lower(uri.substr(0, scheme.size())) == scheme;
}

std::string_view without_blanks_around(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

// RFC 3986 section 2.1. Returns nothing if a "%" is not followed by two digits.
std::optional<std::string> percent_decoded(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i];
      continue;
    }
    unsigned value = 0;
    const std::string_view digits = text.substr(i + 1, 2);
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), value, 16);
    if (error != std::errc() || digits.size() != 2 || end != digits.end()) return std::nullopt;
    decoded += static_cast<char>(value);
    i += 2;
  }
  return decoded;
}

// The domain of an address or the host of a URL. It must be fully qualified, so that no search list or hosts
// file decides where it leads.
Result<DomainName> parse_host(std::string_view text) {
  auto name = DomainName::parse(text);
  if (name && name->str().find('.') == std::string::npos) {
    return fail(Fault::data, "'{}' is a single label", name->str());
  }
  return name;
}

// RFC 5321 allows more, but no address for reports needs it.
bool is_plain_local_part(std::string_view text) {
  return !text.empty() && text.size() <= max_local_part && text.front() != '-' && text.front() != '.' &&
         text.back() != '.' && text.find("..") == std::string_view::npos &&
         std::ranges::all_of(text, [](char c) {
           return is_alphanumeric(c) || std::string_view("+-_.=~").find(c) != std::string_view::npos;
         });
}

Result<Destination> parse_mailto(std::string_view rest) {
  const auto address = percent_decoded(rest.substr(0, rest.find('?')));
  if (!address) return fail(Fault::data, "'{}' has a '%' without two digits", printable(rest, 300));
  const auto at = address->rfind('@');
  if (at == std::string::npos) return fail(Fault::data, "'{}' is no mail address", printable(*address, 300));
  const std::string local = address->substr(0, at);
  if (!is_plain_local_part(local)) {
    return fail(Fault::data, "'{}' is no mail address of the plain kind", printable(*address, 300));
  }
  auto domain = TRY(parse_host(std::string_view(*address).substr(at + 1)));
  std::string target = local + "@" + domain.str();
  return Destination{
      .scheme = Destination::Scheme::mailto, .target = std::move(target), .host = std::move(domain)};
}

bool is_port(std::string_view text) {
  unsigned port = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), port);
  return error == std::errc() && end == text.end() && text.size() <= 5 && port >= 1 && port <= 65535;
}

// RFC 3986: the text that may follow the host, as written. The server checks the percent-encoding.
bool is_url_text(std::string_view text) {
  return std::ranges::all_of(text, [](char c) {
    return is_alphanumeric(c) || std::string_view("-._~:/?#[]@$&'()*+=%").find(c) != std::string_view::npos;
  });
}

Result<Destination> parse_https(std::string_view rest) {
  if (!rest.starts_with("//")) return fail(Fault::data, "'https:' is not followed by '//' and a host");
  rest.remove_prefix(2);
  const auto end = std::min(rest.find_first_of("/?#"), rest.size());
  const std::string_view authority = rest.substr(0, end);
  if (authority.find('@') != std::string_view::npos)
    return fail(Fault::data, "has a user name before its host");
  const auto colon = std::min(authority.find(':'), authority.size());
  auto host = TRY(parse_host(authority.substr(0, colon)));
  const std::string_view port = authority.substr(colon);
  if (!port.empty() && !is_port(port.substr(1))) {
    return fail(Fault::data, "'{}' is no port", printable(port.substr(1), 100));
  }
  const std::string_view path = rest.substr(end);
  if (!is_url_text(path)) {
    return fail(Fault::data, "'{}' has a character that no URL may have", printable(path, 300));
  }
  std::string target = fmt::format("https://{}{}{}", host.str(), port, path);
  return Destination{
      .scheme = Destination::Scheme::https, .target = std::move(target), .host = std::move(host)};
}

// Adds what authors often forget, if the meaning is still clear; else returns the URI unchanged.
std::string repaired(std::string_view uri) {
  for (const std::string_view scheme : {mailto, https}) {
    if (!has_scheme(uri, scheme)) continue;
    const auto rest = std::min(uri.find_first_not_of(blanks, scheme.size()), uri.size());
    return fmt::format("{}{}", uri.substr(0, scheme.size()), uri.substr(rest));
  }
  const bool bare_address =
      uri.find('@') != std::string_view::npos && uri.find_first_of(":/") == std::string_view::npos;
  return bare_address ? fmt::format("{}{}", mailto, uri) : std::string(uri);
}

// Reads the fields of one record. If there are several records, it reads the fields of each.
class Reader {
 public:
  explicit Reader(Findings& findings) : findings_(findings) {}

  void rua(const TxtField& field);
  Record finish(std::size_t number);

 private:
  void add_uri(std::string_view uri, Position position);
  void add(Destination destination, Position position);

  Findings& findings_;
  Record record_;
  std::set<std::string> known_;
  bool seen_ = false;
  bool too_many_ = false;
};

void Reader::rua(const TxtField& field) {
  seen_ = true;
  std::string_view rest = field.value;
  for (bool last = false; !last;) {
    const auto comma = std::min(rest.find(','), rest.size());
    last = comma == rest.size();
    const std::string_view piece = rest.substr(0, comma);
    const auto first = std::min(piece.find_first_not_of(blanks), piece.size());
    const auto offset = static_cast<std::size_t>(piece.begin() - field.value.begin()) + first;
    add_uri(without_blanks_around(piece), {field.value_position.line, field.value_position.column + offset});
    rest.remove_prefix(last ? comma : comma + 1);
  }
}

void Reader::add_uri(std::string_view uri, Position position) {
  if (uri.empty()) {
    findings_.add(Severity::fault, position, "rua",
                  "an empty URI: one ',' is too many, or the URI is missing");
    return;
  }
  const std::string sound = repaired(uri);
  auto destination = parse_destination(sound);
  if (!destination) {
    findings_.add(Severity::fault, position, "rua", destination.error().message);
    return;
  }
  const bool ascii = std::ranges::none_of(uri, [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  if (sound != uri || !ascii) {
    findings_.add(Severity::fault, position, "rua",
                  fmt::format("'{}' is to be written '{}'", printable(uri, 300), destination->uri()));
  }
  if (destination->scheme == Destination::Scheme::mailto && uri.find('?') != std::string_view::npos) {
    findings_.add(Severity::note, position, "rua", "what follows '?' is left away");
  }
  add(std::move(*destination), position);
}

void Reader::add(Destination destination, Position position) {
  if (!known_.insert(destination.uri()).second) {
    findings_.add(Severity::note, position, "rua", fmt::format("'{}' is there twice", destination.uri()));
  } else if (record_.destinations.size() < max_destinations) {
    record_.destinations.push_back(std::move(destination));
  } else if (!std::exchange(too_many_, true)) {
    findings_.add(Severity::fault, position, "rua",
                  fmt::format("is ignored, and all after it: there are more than {}", max_destinations));
  }
}

Record Reader::finish(std::size_t number) {
  const Position position{.line = number + 1, .column = 1};
  if (!seen_) {
    findings_.add(Severity::refused, position, {}, "has no rua");
  } else if (record_.destinations.empty()) {
    findings_.add(Severity::refused, position, {}, "no URI of its rua can be used");
  }
  return std::move(record_);
}

Record read_record(std::span<const std::string> answer, std::size_t number, Findings& findings) {
  Reader reader(findings);
  for (const TxtField& field : parse_txt_fields(answer, number, Severity::fault, findings)) {
    if (field.name == "rua") {
      reader.rua(field);
    } else {
      ignore_field(field, "rua", Severity::fault, findings);
    }
  }
  return reader.finish(number);
}

}  // namespace

std::string Destination::uri() const {
  return scheme == Scheme::mailto ? fmt::format("{}{}", mailto, target) : target;
}

Result<Destination> parse_destination(std::string_view uri) {
  if (has_scheme(uri, mailto)) return parse_mailto(uri.substr(mailto.size()));
  if (has_scheme(uri, https)) return parse_https(uri.substr(https.size()));
  return fail(Fault::data, "'{}' begins with neither 'mailto:' nor 'https:'", printable(uri, 300));
}

RecordReading read_records(std::span<const std::string> answer) {
  return read_versioned_record<RecordReading>(answer, version, read_record);
}

}  // namespace starttls::tlsrpt
