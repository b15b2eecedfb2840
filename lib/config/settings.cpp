#include "config/settings.h"

#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>
#include <utility>

#include "base/file.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::config {
namespace {

constexpr std::size_t max_size = 1 << 20;
constexpr std::size_t max_shown = 100;  // characters of a value in a message

// "list[].keys[]" for "list[3].keys[1]".
std::string without_indices(std::string_view key) {
  std::string shape;
  bool inside = false;
  for (const char c : key) {
    inside = inside && c != ']';
    if (!inside) shape += c;
    inside = inside || c == '[';
  }
  return shape;
}

// How a key without indices is shown: "'milter.socket'", "'name' in [[list]]".
std::string named(std::string_view shape) {
  const auto inner = shape.rfind("[].");
  if (inner == shape.npos) return fmt::format("'{}'", printable(shape));
  std::string table;
  for (const char c : shape.substr(0, inner)) {
    if (c != '[' && c != ']') table += c;
  }
  return fmt::format("'{}' in [[{}]]", printable(shape.substr(inner + 3)), printable(table));
}

// The names that were declared directly below a prefix such as "milter." or "list[].".
std::vector<std::string> names_below(std::string_view prefix, const std::vector<std::string>& declared) {
  std::vector<std::string> names;
  for (const std::string_view shape : declared) {
    if (!shape.starts_with(prefix)) continue;
    const auto rest = shape.substr(prefix.size());
    if (const auto name = rest.substr(0, rest.find_first_of(".[")); !name.empty()) names.emplace_back(name);
  }
  return names;
}

// Formats a value of the wrong kind for a message. A secret is a text and has the right kind, so it is never
// shown here.
std::string shown(const toml::node& node) {
  if (node.is_table()) return "a table";
  if (node.is_array()) return "an array";
  if (const auto text = node.value_exact<std::string>())
    return fmt::format("'{}'", printable(*text, max_shown));
  std::ostringstream text;
  node.visit([&](const auto& value) {
    if constexpr (toml::is_value<decltype(value)>) text << value;
  });
  return printable(text.str(), max_shown);
}

std::optional<std::uint64_t> number_in(const toml::node& node, std::uint64_t min, std::uint64_t max) {
  const auto found = node.value_exact<std::int64_t>();
  if (!found || *found < 0) return std::nullopt;
  const auto number = static_cast<std::uint64_t>(*found);
  return number >= min && number <= max ? std::optional(number) : std::nullopt;
}

// An error that follows the name of the key.
std::string not_one_of(std::string_view text, const std::vector<std::string>& words) {
  std::string known;
  for (std::size_t index = 0; index < words.size(); ++index) {
    const std::string_view before = index == 0 ? "" : index + 1 == words.size() ? " or " : ", ";
    known += fmt::format("{}\"{}\"", before, words[index]);
  }
  const auto meant = nearest(text, words);
  return fmt::format("is '{}'; it must be {}{}", printable(text, max_shown), known,
                     meant.empty() ? "" : fmt::format("; did you mean \"{}\"?", meant));
}

bool is_tables(const toml::node& node) {
  return node.is_array() && node.as_array()->is_homogeneous(toml::node_type::table);
}

}  // namespace

std::string toml_string(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7F) {
      quoted += fmt::format("\\u{:04X}", byte);
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

struct Settings::File {
  std::string name;
  std::filesystem::path directory;  // absolute
  toml::table table;
  std::optional<FileRights> rights;

  toml::node_view<const toml::node> at(std::string_view key) const {
    return toml::at_path(static_cast<const toml::node&>(table), key);
  }

  std::string position(const toml::source_region& region) const {
    return fmt::format("{}:{}:{}", printable(name), region.begin.line, region.begin.column);
  }

  // The position of the key or, if it is absent, of the innermost table around it that is present.
  std::string find_position(std::string_view key) const {
    for (std::string_view there = key; !there.empty();) {
      if (const auto node = at(there)) return position(node.node()->source());
      const auto end = there.find_last_of(".[");
      there = there.substr(0, end == there.npos ? 0 : end);
    }
    return name.empty() ? "" : printable(name) + ":1:1";
  }

  // The first key, in the order of the table, that was not declared.
  std::optional<Error> unknown_key(const std::vector<std::string>& declared) const {
    return unknown_key_in(table, "", declared);
  }

 private:
  std::optional<Error> unknown_key_in(const toml::table& in, const std::string& prefix,
                                      const std::vector<std::string>& declared) const {
    for (const auto& [key, node] : in) {
      if (auto error = unknown_key_at(key, node, prefix, declared)) return error;
    }
    return std::nullopt;
  }

  std::optional<Error> unknown_key_at(const toml::key& key, const toml::node& node, const std::string& prefix,
                                      const std::vector<std::string>& declared) const {
    // A quoted key can look like a path to another key.
    if (key.str().find_first_of(".[]") != std::string_view::npos) return unknown(key, node, prefix, declared);
    const std::string shape = prefix + std::string(key.str());
    const auto is_declared = [&](const std::string& k) {
      return std::ranges::find(declared, k) != declared.end();
    };
    if (is_declared(shape)) return std::nullopt;
    if (is_declared(shape + "[]")) return unknown_key_in_each(node, shape + "[].", declared);
    const auto is_inside = [&](const std::string& k) { return k.starts_with(shape + "."); };
    if (std::ranges::none_of(declared, is_inside)) return unknown(key, node, prefix, declared);
    if (node.is_table()) return unknown_key_in(*node.as_table(), shape + ".", declared);
    return Error{Fault::config, fmt::format("{}: {} must be one table, written [{}]", position(key.source()),
                                            named(shape), key.str())};
  }

  std::optional<Error> unknown_key_in_each(const toml::node& tables, const std::string& prefix,
                                           const std::vector<std::string>& declared) const {
    if (!is_tables(tables)) return std::nullopt;  // tables() reports an error, or there are none
    for (const toml::node& element : *tables.as_array()) {
      if (auto error = unknown_key_in(*element.as_table(), prefix, declared)) return error;
    }
    return std::nullopt;
  }

  Error unknown(const toml::key& key, const toml::node& node, const std::string& prefix,
                const std::vector<std::string>& declared) const {
    const auto names = names_below(prefix, declared);
    const std::string meant(nearest(key.str(), names));
    const auto inner = prefix.rfind("[].");
    const std::string around = inner == prefix.npos ? prefix : prefix.substr(inner + 3);
    std::string message =
        is_tables(node) ? fmt::format("unknown table [[{}]]", printable(around + std::string(key.str())))
                        : "unknown key " + named(prefix + std::string(key.str()));
    if (std::ranges::find(declared, prefix + meant + "[]") != declared.end()) {
      message += fmt::format("; did you mean [[{}]]?", around + meant);
    } else if (!meant.empty()) {
      message += fmt::format("; did you mean '{}'?", around + meant);
    }
    return {Fault::config, fmt::format("{}: {}", position(key.source()), message)};
  }
};

Settings::Settings(std::unique_ptr<File> file) : file_(std::move(file)) {}
Settings::Settings(Settings&&) noexcept = default;
Settings& Settings::operator=(Settings&&) noexcept = default;
Settings::~Settings() = default;

Settings Settings::none() {
  return Settings(std::make_unique<File>());
}

Result<Settings> Settings::load(const std::filesystem::path& path, FileKind kind) {
  const bool is_stdin = kind == FileKind::any && path == "-";
  const auto fd = is_stdin ? Result<UniqueFd>() : open_file(path, max_size, kind);
  if (!fd) return fail(Fault::config, "{}", fd.error().message);
  const int descriptor = is_stdin ? STDIN_FILENO : fd->get();
  const auto content = read_all(descriptor, max_size, is_stdin ? "standard input" : path.string());
  if (!content) return fail(Fault::config, "{}", content.error().message);
  auto file = std::make_unique<File>();
  file->name = path.string();
  std::error_code fault;
  file->directory = std::filesystem::absolute(path, fault).lexically_normal().parent_path();
  if (fault) return fail(Fault::config, "{}: {}", printable(path.string()), fault.message());
  struct stat info{};
  if (::fstat(descriptor, &info) == 0 && S_ISREG(info.st_mode))
    file->rights = FileRights{.mode = info.st_mode, .group = info.st_gid};
  try {
    file->table = toml::parse(*content);
  } catch (const toml::parse_error& error) {
    return fail(Fault::config, "{}: {}", file->position(error.source()), printable(error.description()));
  }
  return Settings(std::move(file));
}

std::optional<FileRights> Settings::rights() const {
  return file_->rights;
}

std::string Settings::name() const {
  return printable(file_->name);
}

std::filesystem::path Settings::absolute(const std::filesystem::path& path) const {
  return path.empty() ? path : (file_->directory / path).lexically_normal();
}

Error Settings::error_at(const std::string& key, std::string_view what) const {
  std::string shape = without_indices(key);
  const auto node = file_->at(key);
  const bool is_element = shape.ends_with("[]");
  if (is_element) shape.resize(shape.size() - 2);
  const std::string subject = is_element && node.is_table() ? fmt::format("[[{}]]", shape) : named(shape);
  const std::string position = file_->find_position(key);
  return {Fault::config, fmt::format("{}{}{} {}", position, position.empty() ? "" : ": ", subject, what)};
}

void Settings::declare(const std::string& key) {
  std::string shape = without_indices(key);
  if (std::ranges::find(keys_, shape) == keys_.end()) keys_.push_back(std::move(shape));
}

void Settings::wrong_kind(const std::string& key, std::string_view wanted) {
  if (first_error_) return;
  first_error_ = error_at(key, fmt::format("is {}; it must be {}", shown(*file_->at(key).node()), wanted));
}

void Settings::check_failed(const std::string& key, const std::string& what) {
  if (!first_failed_check_) first_failed_check_ = error_at(key, what);
}

std::string Settings::element_key(const std::string& key, std::size_t index) {
  return fmt::format("{}[{}]", key, index);
}

std::optional<std::string> Settings::text(const std::string& key) {
  declare(key);
  const auto node = file_->at(key);
  if (!node) return std::nullopt;
  auto found = node.value_exact<std::string>();
  if (!found) wrong_kind(key, "a text in quotes");
  return found;
}

std::optional<std::vector<std::string>> Settings::texts(const std::string& key) {
  declare(key);
  const auto node = file_->at(key);
  if (!node) return std::nullopt;
  if (!node.is_array()) {
    wrong_kind(key, R"(an array of texts, such as ["a", "b"])");
    return std::nullopt;
  }
  std::vector<std::string> found;
  for (const toml::node& element : *node.as_array()) {
    const auto text = element.value_exact<std::string>();
    if (!text) {
      wrong_kind(element_key(key, found.size()), "an array of nothing but texts");
      return std::nullopt;
    }
    found.push_back(*text);
  }
  return found;
}

void Settings::string(const std::string& key, std::string& value) {
  if (auto found = text(key)) value = std::move(*found);
}

void Settings::strings(const std::string& key, std::vector<std::string>& value) {
  array(key, value, [](const std::string& text) -> Result<std::string> { return text; });
}

void Settings::word(const std::string& key, std::string& value, const std::vector<std::string>& words) {
  string(key, value);
  if (std::ranges::find(words, value) == words.end()) check_failed(key, not_one_of(value, words));
}

Result<std::filesystem::path> Settings::parse_path(const std::string& text) const {
  if (text.find('\0') != text.npos) {
    return fail(Fault::config, "is '{}', which has a NUL character in it", printable(text, max_shown));
  }
  return absolute(text);
}

void Settings::path(const std::string& key, std::filesystem::path& value) {
  if (auto parsed = parse_path(text(key).value_or(value.string()))) {
    value = std::move(*parsed);
  } else {
    check_failed(key, parsed.error().message);
  }
}

Result<std::string> Settings::parse_program(const std::string& text) const {
  if (text.empty()) return fail(Fault::config, "names no program");
  const auto path = TRY(parse_path(text));
  return text.find('/') == text.npos ? text : path.string();
}

void Settings::program(const std::string& key, std::string& value) {
  if (auto parsed = parse_program(text(key).value_or(value))) {
    value = std::move(*parsed);
  } else {
    check_failed(key, parsed.error().message);
  }
}

void Settings::mailer(const std::string& key, std::string& value) {
  string(key, value);
  const bool is_server = value.find("://") != value.npos;
  check(is_server ? value.starts_with("smtp://") : !value.empty() && !value.starts_with('-'), key,
        fmt::format(R"(is '{}'; it must be "smtp://HOST:PORT" or a program such as "sendmail")",
                    printable(value, max_shown)));
  if (!is_server && value.find('/') != value.npos) program(key, value);
}

void Settings::command(const std::string& key, std::vector<std::string>& value) {
  bool is_program = true;
  array(key, value, [&](const std::string& text) -> Result<std::string> {
    if (std::exchange(is_program, false)) return parse_program(text);
    if (text.find('\0') != text.npos) return fail(Fault::config, "has a NUL character in it");
    return text;
  });
}

void Settings::mode(const std::string& key, mode_t& value) {
  constexpr mode_t max_mode = 0777;
  std::string found;
  string(key, found);
  if (!file_->at(key).is_string()) return;
  mode_t mode = 0;
  const auto [end, error] = std::from_chars(found.data(), found.data() + found.size(), mode, 8);
  if (error == std::errc{} && end == found.data() + found.size() && mode <= max_mode) {
    value = mode;
  } else {
    check_failed(key,
                 fmt::format(R"(is '{}', not an octal mode such as "0660")", printable(found, max_shown)));
  }
}

void Settings::flag(const std::string& key, bool& value) {
  declare(key);
  const auto node = file_->at(key);
  if (!node) return;
  if (const auto found = node.value_exact<bool>()) {
    value = *found;
  } else {
    wrong_kind(key, "true or false");
  }
}

std::optional<std::uint64_t> Settings::whole_number(const std::string& key, std::uint64_t min,
                                                    std::uint64_t max) {
  declare(key);
  const auto node = file_->at(key);
  if (!node) return std::nullopt;
  const auto found = number_in(*node.node(), min, max);
  if (!found) wrong_kind(key, fmt::format("a whole number from {} to {}", min, max));
  return found;
}

void Settings::numbers(const std::string& key, std::vector<std::uint64_t>& value, std::uint64_t min,
                       std::uint64_t max) {
  declare(key);
  const auto node = file_->at(key);
  if (!node) return;
  if (!node.is_array()) return wrong_kind(key, "an array of whole numbers, such as [1, 2]");
  std::vector<std::uint64_t> found;
  std::size_t index = 0;
  const std::string wanted = fmt::format("an array of nothing but whole numbers from {} to {}{}", min, max,
                                         value.empty() ? "" : fmt::format(R"(, or "{}")", default_element));
  for (const toml::node& element : *node.as_array()) {
    const std::string here = element_key(key, index++);
    if (!value.empty() && element.value_exact<std::string>() == default_element) {
      found.insert(found.end(), value.begin(), value.end());
      continue;
    }
    const auto number = number_in(element, min, max);
    if (!number) return wrong_kind(here, wanted);
    found.push_back(*number);
  }
  value = std::move(found);
}

void Settings::seconds(const std::string& key, std::chrono::milliseconds& value,
                       std::chrono::milliseconds min, std::chrono::milliseconds max) {
  declare(key);
  const auto node = file_->at(key);
  if (!node) return;
  const double scaled = node.value<double>().value_or(-1) * 1000;
  if (node.is_number() && scaled >= static_cast<double>(min.count()) &&
      scaled <= static_cast<double>(max.count())) {
    value = std::chrono::milliseconds(std::llround(scaled));
  } else {
    wrong_kind(key, fmt::format("a number of seconds from {} to {}", static_cast<double>(min.count()) / 1000,
                                static_cast<double>(max.count()) / 1000));
  }
}

void Settings::address(const std::string& key, Address& value) {
  std::string text = to_string(value);
  string(key, text);
  if (auto parsed = parse_address(text)) {
    value = std::move(*parsed);
  } else {
    check_failed(key, parsed.error().message);
  }
}

void Settings::address(const std::string& key, std::optional<Address>& value) {
  parsed(key, value, parse_address);
}

void Settings::addresses(const std::string& key, std::vector<Address>& value) {
  array(key, value, parse_address);
}

void Settings::domain(const std::string& key, std::optional<DomainName>& value) {
  parsed(key, value,
         [](const std::string& text) { return with_context(DomainName::parse(text), "is not a domain"); });
}

void Settings::domains(const std::string& key, std::vector<DomainName>& value) {
  array(key, value, [](const std::string& text) {
    return with_context(DomainName::parse(text), "has an element that is not a domain");
  });
}

void Settings::networks(const std::string& key, std::vector<IpNetwork>& value) {
  array(key, value, [](const std::string& text) { return IpNetwork::parse(text); });
}

std::size_t Settings::tables(const std::string& key) {
  declare(key + "[]");
  const auto node = file_->at(key);
  if (!node) return 0;
  const bool none = node.is_array() && node.as_array()->empty();
  if (none || is_tables(*node.node())) return node.as_array()->size();
  wrong_kind(key, fmt::format("a table of which there can be several, written [[{}]]", key));
  return 0;
}

Result<void> Settings::finish() {
  if (!first_error_) first_error_ = file_->unknown_key(keys_);
  if (!first_error_) first_error_ = first_failed_check_;
  if (first_error_) return std::unexpected(*first_error_);
  return {};
}

}  // namespace starttls::config
