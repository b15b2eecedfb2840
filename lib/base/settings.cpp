#include "base/settings.h"

#include <toml++/toml.h>

#include <algorithm>
#include <cmath>

#include "base/file.h"
#include "base/text.h"

namespace starttls {
namespace {

constexpr std::size_t size_limit = 1 << 20;

}  // namespace

struct Settings::File {
  std::string name;
  toml::table table;

  toml::node_view<toml::node> at(const std::string& key) { return table.at_path(key); }

  std::string place(const toml::source_region& region) const {
    return fmt::format("{}:{}:{}", printable(name), region.begin.line, region.begin.column);
  }

  // The first key, in the order of the table, that is not among the known ones.
  std::optional<Error> unknown_key(const std::vector<std::string>& known) const {
    return unknown_key_in(table, "", known);
  }

 private:
  std::optional<Error> unknown_key_in(const toml::table& in, const std::string& prefix,
                                      const std::vector<std::string>& known) const {
    for (const auto& [key, node] : in) {
      const std::string full = prefix + std::string(key.str());
      const bool quoted_dot = key.str().find('.') != std::string_view::npos;
      const auto is_known = [&](const std::string& k) { return k == full; };
      const auto is_parent = [&](const std::string& k) { return k.starts_with(full + "."); };
      if (node.is_table() && std::ranges::any_of(known, is_parent)) {
        if (auto error = unknown_key_in(*node.as_table(), full + ".", known)) return error;
        continue;
      }
      if (!quoted_dot && std::ranges::any_of(known, is_known)) continue;
      const auto meant = nearest(full, known);
      return Error{Fault::config,
                   fmt::format("{}: unknown key '{}'{}", place(key.source()), printable(full),
                               meant.empty() ? "" : fmt::format("; did you mean '{}'?", meant))};
    }
    return std::nullopt;
  }
};

Settings::Settings(std::unique_ptr<File> file) : file_(std::move(file)) {}
Settings::Settings(Settings&&) noexcept = default;
Settings& Settings::operator=(Settings&&) noexcept = default;
Settings::~Settings() = default;

Settings Settings::none() {
  return Settings(std::make_unique<File>());
}

Result<Settings> Settings::load(const std::filesystem::path& path) {
  const auto content = read_file(path, size_limit);
  if (!content) return fail(Fault::config, "{}", content.error().message);
  auto file = std::make_unique<File>();
  file->name = path.string();
  try {
    file->table = toml::parse(*content);
  } catch (const toml::parse_error& error) {
    return fail(Fault::config, "{}: {}", file->place(error.source()), printable(error.description()));
  }
  return Settings(std::move(file));
}

void Settings::complain(const std::string& key, std::string_view wanted) {
  if (first_error_) return;
  first_error_ =
      Error{Fault::config,
            fmt::format("{}: '{}' must be {}", file_->place(file_->at(key).node()->source()), key, wanted)};
}

void Settings::text(const std::string& key, std::string& value) {
  known_.push_back(key);
  const auto node = file_->at(key);
  if (!node) return;
  if (const auto found = node.value_exact<std::string>()) {
    value = *found;
  } else {
    complain(key, "a text in quotes");
  }
}

void Settings::path(const std::string& key, std::filesystem::path& value) {
  std::string found = value.string();
  text(key, found);
  value = found;
}

void Settings::flag(const std::string& key, bool& value) {
  known_.push_back(key);
  const auto node = file_->at(key);
  if (!node) return;
  if (const auto found = node.value_exact<bool>()) {
    value = *found;
  } else {
    complain(key, "true or false");
  }
}

void Settings::number(const std::string& key, std::uint64_t& value, std::uint64_t least, std::uint64_t most) {
  known_.push_back(key);
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

void Settings::seconds(const std::string& key, std::chrono::milliseconds& value,
                       std::chrono::milliseconds least, std::chrono::milliseconds most) {
  known_.push_back(key);
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

Result<void> Settings::finish() {
  if (!first_error_) first_error_ = file_->unknown_key(known_);
  if (first_error_) return std::unexpected(*first_error_);
  return {};
}

}  // namespace starttls
