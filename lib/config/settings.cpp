#include "config/settings.h"

#include <sys/stat.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <sstream>

#include "base/file.h"
#include "base/text.h"

namespace starttls::config {
namespace {

constexpr std::size_t size_limit = 1 << 20;
constexpr std::string_view default_element = "default";  // stands for the built-in elements of an array

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

// The names that are known directly below a prefix such as "milter." or "list[].".
std::vector<std::string> names_below(std::string_view prefix, const std::vector<std::string>& known) {
  std::vector<std::string> names;
  for (const std::string_view shape : known) {
    if (!shape.starts_with(prefix)) continue;
    const auto rest = shape.substr(prefix.size());
    if (const auto name = rest.substr(0, rest.find_first_of(".[")); !name.empty()) names.emplace_back(name);
  }
  return names;
}

// What stands there in place of what is wanted. Texts are shown where they are no secrets: those that are
// wanted as such never come here.
std::string shown(const toml::node& node) {
  if (node.is_table()) return "a table";
  if (node.is_array()) return "an array";
  if (const auto text = node.value_exact<std::string>()) return fmt::format("'{}'", printable(*text, 100));
  std::ostringstream text;
  node.visit([&](const auto& value) {
    if constexpr (toml::is_value<decltype(value)>) text << value;
  });
  return printable(text.str(), 100);
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

  std::string place(const toml::source_region& region) const {
    return fmt::format("{}:{}:{}", printable(name), region.begin.line, region.begin.column);
  }

  // Of the key, or of the innermost table around it that is there.
  std::string place_of(std::string_view key) const {
    for (std::string_view there = key; !there.empty();) {
      if (const auto node = at(there)) return place(node.node()->source());
      const auto end = there.find_last_of(".[");
      there = there.substr(0, end == there.npos ? 0 : end);
    }
    return name.empty() ? "" : printable(name) + ":1:1";
  }

  // The first key, in the order of the table, that is not among the known ones.
  std::optional<Error> unknown_key(const std::vector<std::string>& known) const {
    return unknown_key_in(table, "", known);
  }

 private:
  std::optional<Error> unknown_key_in(const toml::table& in, const std::string& prefix,
                                      const std::vector<std::string>& known) const {
    for (const auto& [key, node] : in) {
      if (auto error = judge(key, node, prefix, known)) return error;
    }
    return std::nullopt;
  }

  std::optional<Error> judge(const toml::key& key, const toml::node& node, const std::string& prefix,
                             const std::vector<std::string>& known) const {
    // A key in quotes can look like the way to another one.
    if (key.str().find_first_of(".[]") != std::string_view::npos) return unknown(key, node, prefix, known);
    const std::string shape = prefix + std::string(key.str());
    const auto knows = [&](const std::string& k) { return std::ranges::find(known, k) != known.end(); };
    if (knows(shape)) return std::nullopt;
    if (knows(shape + "[]")) return unknown_key_in_each(node, shape + "[].", known);
    const auto is_inside = [&](const std::string& k) { return k.starts_with(shape + "."); };
    if (std::ranges::none_of(known, is_inside)) return unknown(key, node, prefix, known);
    if (node.is_table()) return unknown_key_in(*node.as_table(), shape + ".", known);
    return Error{Fault::config, fmt::format("{}: {} must be one table, written [{}]", place(key.source()),
                                            named(shape), key.str())};
  }

  std::optional<Error> unknown_key_in_each(const toml::node& tables, const std::string& prefix,
                                           const std::vector<std::string>& known) const {
    if (!is_tables(tables)) return std::nullopt;  // which tables() has told, or there are none
    for (const toml::node& element : *tables.as_array()) {
      if (auto error = unknown_key_in(*element.as_table(), prefix, known)) return error;
    }
    return std::nullopt;
  }

  Error unknown(const toml::key& key, const toml::node& node, const std::string& prefix,
                const std::vector<std::string>& known) const {
    const auto names = names_below(prefix, known);
    const std::string meant(nearest(key.str(), names));
    const auto inner = prefix.rfind("[].");
    const std::string around = inner == prefix.npos ? prefix : prefix.substr(inner + 3);
    std::string message =
        is_tables(node) ? fmt::format("unknown table [[{}]]", printable(around + std::string(key.str())))
                        : "unknown key " + named(prefix + std::string(key.str()));
    if (std::ranges::find(known, prefix + meant + "[]") != known.end()) {
      message += fmt::format("; did you mean [[{}]]?", around + meant);
    } else if (!meant.empty()) {
      message += fmt::format("; did you mean '{}'?", around + meant);
    }
    return {Fault::config, fmt::format("{}: {}", place(key.source()), message)};
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
  const auto fd = is_stdin ? Result<UniqueFd>() : open_file(path, size_limit, kind);
  if (!fd) return fail(Fault::config, "{}", fd.error().message);
  const int descriptor = is_stdin ? STDIN_FILENO : fd->get();
  const auto content = read_all(descriptor, size_limit, is_stdin ? "standard input" : path.string());
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
    return fail(Fault::config, "{}: {}", file->place(error.source()), printable(error.description()));
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
  const std::string place = file_->place_of(key);
  return {Fault::config, fmt::format("{}{}{} {}", place, place.empty() ? "" : ": ", subject, what)};
}

void Settings::declare(const std::string& key) {
  std::string shape = without_indices(key);
  if (std::ranges::find(known_, shape) == known_.end()) known_.push_back(std::move(shape));
}

void Settings::complain(const std::string& key, std::string_view wanted) {
  const auto found = file_->at(key);
  if (!first_error_)
    first_error_ = error_at(key, fmt::format("is {}; it must be {}", shown(*found.node()), wanted));
}

void Settings::string(const std::string& key, std::string& value) {
  declare(key);
  const auto node = file_->at(key);
  if (!node) return;
  if (const auto found = node.value_exact<std::string>()) {
    value = *found;
  } else {
    complain(key, "a text in quotes");
  }
}

void Settings::strings(const std::string& key, std::vector<std::string>& value) {
  declare(key);
  const auto node = file_->at(key);
  if (!node) return;
  if (!node.is_array()) return complain(key, R"(an array of texts, such as ["a", "b"])");
  std::vector<std::string> found;
  std::size_t place = 0;
  for (const toml::node& element : *node.as_array()) {
    const auto text = element.value_exact<std::string>();
    if (!text) return complain(fmt::format("{}[{}]", key, place), "an array of nothing but texts");
    if (*text == default_element && !value.empty()) {
      found.insert(found.end(), value.begin(), value.end());
    } else {
      found.push_back(*text);
    }
    ++place;
  }
  value = std::move(found);
}

void Settings::path(const std::string& key, std::filesystem::path& value) {
  std::string found = value.string();
  string(key, found);
  if (found.find('\0') != found.npos && !first_error_)
    first_error_ =
        error_at(key, fmt::format("is '{}', which has a NUL character in it", printable(found, 100)));
  value = absolute(found);
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
  } else if (!first_error_) {
    first_error_ =
        error_at(key, fmt::format(R"(is '{}', not an octal mode such as "0660")", printable(found, 100)));
  }
}

void Settings::flag(const std::string& key, bool& value) {
  declare(key);
  const auto node = file_->at(key);
  if (!node) return;
  if (const auto found = node.value_exact<bool>()) {
    value = *found;
  } else {
    complain(key, "true or false");
  }
}

void Settings::number(const std::string& key, std::uint64_t& value, std::uint64_t least, std::uint64_t most) {
  declare(key);
  const auto node = file_->at(key);
  if (!node) return;
  const auto found = node.value_exact<std::int64_t>();
  if (found && *found >= 0 && static_cast<std::uint64_t>(*found) >= least &&
      static_cast<std::uint64_t>(*found) <= most) {
    value = static_cast<std::uint64_t>(*found);
  } else {
    complain(key, fmt::format("a whole number from {} to {}", least, most));
  }
}

void Settings::numbers(const std::string& key, std::vector<std::uint64_t>& value, std::uint64_t least,
                       std::uint64_t most) {
  declare(key);
  const auto node = file_->at(key);
  if (!node) return;
  if (!node.is_array()) return complain(key, "an array of whole numbers, such as [1, 2]");
  std::vector<std::uint64_t> found;
  std::size_t place = 0;
  const std::string wanted = fmt::format("an array of nothing but whole numbers from {} to {}{}", least, most,
                                         value.empty() ? "" : fmt::format(R"(, or "{}")", default_element));
  for (const toml::node& element : *node.as_array()) {
    const std::string here = fmt::format("{}[{}]", key, place++);
    if (!value.empty() && element.value_exact<std::string>() == default_element) {
      found.insert(found.end(), value.begin(), value.end());
      continue;
    }
    const auto number = element.value_exact<std::int64_t>();
    if (!number || *number < 0 || static_cast<std::uint64_t>(*number) < least ||
        static_cast<std::uint64_t>(*number) > most)
      return complain(here, wanted);
    found.push_back(static_cast<std::uint64_t>(*number));
  }
  value = std::move(found);
}

void Settings::seconds(const std::string& key, std::chrono::milliseconds& value,
                       std::chrono::milliseconds least, std::chrono::milliseconds most) {
  declare(key);
  const auto node = file_->at(key);
  if (!node) return;
  const auto found = node.value<double>();
  const double scaled = found.value_or(-1) * 1000;
  if (node.is_number() && scaled >= static_cast<double>(least.count()) &&
      scaled <= static_cast<double>(most.count())) {
    value = std::chrono::milliseconds(std::llround(scaled));
  } else {
    complain(key, fmt::format("a number of seconds from {} to {}", static_cast<double>(least.count()) / 1000,
                              static_cast<double>(most.count()) / 1000));
  }
}

std::size_t Settings::tables(const std::string& key) {
  declare(key + "[]");
  const auto node = file_->at(key);
  if (!node) return 0;
  const bool none = node.is_array() && node.as_array()->empty();
  if (none || is_tables(*node.node())) return node.as_array()->size();
  complain(key, fmt::format("a table of which there can be several, written [[{}]]", key));
  return 0;
}

Result<void> Settings::finish() {
  if (!first_error_) first_error_ = file_->unknown_key(known_);
  if (first_error_) return std::unexpected(*first_error_);
  return {};
}

}  // namespace starttls::config
