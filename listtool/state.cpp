#include "listtool/state.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <iterator>
#include <ranges>

#include "base/atomic_file.h"
#include "base/directory.h"
#include "base/newer_format.h"
#include "base/text.h"
#include "base/try.h"
#include "config/settings.h"
#include "listtool/configuration.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view facts_file = "set.toml";
constexpr std::uint64_t max_editions = std::uint64_t{1} << 62U;
constexpr std::uint64_t known_format = 1;  // of set.toml and the files beside the sets
constexpr std::uint64_t max_format = 1'000'000;

// The input of gpgv, which runs for at most a minute. An older one was left by a killed process.
constexpr std::string_view scratch_prefix = "openpgp-";
constexpr std::chrono::hours scratch_rest{1};

std::unexpected<Error> cannot(const fs::path& path, std::string_view what, int error) {
  return fail(error == EACCES || error == EPERM ? Fault::permission : Fault::cannot_create,
              "{}: cannot {}: {}", printable(path.string()), what, errno_text(error));
}

std::unexpected<Error> damaged(const fs::path& path, std::string_view how) {
  return fail(Fault::data,
              "{}: {}; to fetch all lists again, remove the link 'current' of the state directory and run "
              "update",
              printable(path.string()), how);
}

std::string to_toml(const std::vector<Edition>& lists) {
  std::string text = "# Made by starttls-listtool update.\n";
  for (const Edition& list : lists) {
    text += "\n[[list]]\n";
    const auto line = [&](std::string_view key, std::string_view value) {
      text += fmt::format("{} = {}\n", key, config::toml_string(value));
    };
    line("name", list.name);
    text += fmt::format("edition = {}\n", list.number);
    line("origin", list.origin);
    line("signed_by", list.signed_by);
    line("signature", list.signature);
    line("timestamp", to_rfc3339(list.timestamp));
    line("expires", to_rfc3339(list.expires));
    text += fmt::format("domains = {}\n", list.domains);
    if (!list.keyring) continue;
    line("keys", keyring::to_json(list.keyring->keyring));
    line("root_keys", list.keyring->roots);
  }
  return text;
}

bool is_key_id(std::string_view text) {
  return text.size() == 16 && text.find_first_not_of("0123456789ABCDEF") == std::string_view::npos;
}

// Whether the others than the first are keys: their ids are parts of files' names.
bool are_signers(const std::string& signed_by) {
  constexpr std::string_view prefix = "key ";
  const auto signers = split_signers(signed_by);
  return std::ranges::all_of(signers | std::views::drop(1), [&](const std::string& signer) {
    return signer.starts_with(prefix) && is_key_id(std::string_view(signer).substr(prefix.size()));
  });
}

Result<std::optional<TrustedKeyring>> read_keyring(config::Settings& settings, const std::string& at) {
  std::string text;
  TrustedKeyring trusted;
  settings.string(at + "keys", text);
  settings.string(at + "root_keys", trusted.roots);
  if (text.empty()) return std::nullopt;
  trusted.keyring = TRY(with_context(keyring::parse_keyring(text), "'keys'"));
  return trusted;
}

Result<Edition> read_edition(config::Settings& settings, const std::string& at,
                             std::vector<LegacyFacts>& legacy) {
  Edition edition;
  std::string timestamp;
  std::string expires;
  settings.string(at + "name", edition.name);
  settings.number(at + "edition", edition.number, 1, max_editions);
  settings.string(at + "origin", edition.origin);
  settings.string(at + "signed_by", edition.signed_by);
  settings.string(at + "signature", edition.signature);
  http::Validators validators;
  settings.string(at + "etag", validators.etag);
  settings.string(at + "last_modified", validators.last_modified);
  settings.string(at + "timestamp", timestamp);
  settings.string(at + "expires", expires);
  settings.number(at + "domains", edition.domains, 0, max_editions);
  for (const auto& [text, time] : {std::pair{&timestamp, &edition.timestamp}, {&expires, &edition.expires}}) {
    const auto read = TRY(parse_rfc3339(*text));
    *time = read;
  }
  const bool has_signature = edition.signature == ".minisig" || edition.signature == ".asc";
  if (edition.name.empty() || edition.number == 0 || edition.origin.empty() || edition.signed_by.empty() ||
      !has_signature || !are_signers(edition.signed_by)) {
    return fail(Fault::data, "an entry is incomplete");
  }
  edition.keyring = TRY(read_keyring(settings, at));
  std::string shown = shown_origin(edition.origin);
  if (!validators.empty() || shown != edition.origin) {
    legacy.push_back({.name = edition.name,
                      .number = edition.number,
                      .origin = std::move(edition.origin),
                      .validators = std::move(validators)});
  }
  edition.origin = std::move(shown);
  return edition;
}

// Root creates, renames and removes files in this directory by path. If another user could change the
// directory, that user could make root do this to any other file.
Result<void> make_for_root(const fs::path& state_dir) {
  if (::geteuid() != 0) return {};
  for (const fs::path& path : {state_dir, state_dir / "sets"}) {
    const auto directory = TRY(Directory::make(path));
    if (directory.is_guarded()) continue;
    return fail(Fault::permission,
                "{}: root does not update lists where another user can change files: give the directory, and "
                "those above it, to root, or run update as the user whose directory it is",
                printable(path.string()));
  }
  return {};
}

std::optional<std::uint64_t> number_of(const fs::path& set) {
  const std::string name = set.filename().string();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  const bool whole = error == std::errc{} && end == name.data() + name.size();
  return whole && number < max_editions ? std::optional(number) : std::nullopt;
}

// Whether it is the file of ListSet::signature_file_of_key().
bool is_signature_of_key(std::string_view file, std::string_view list) {
  constexpr std::string_view between = ".json.";
  constexpr std::string_view suffix = ".minisig";
  if (!file.starts_with(list) || !file.ends_with(suffix)) return false;
  file.remove_prefix(list.size());
  return file.starts_with(between) && file.size() > between.size() + suffix.size() &&
         is_key_id(file.substr(between.size(), file.size() - between.size() - suffix.size()));
}

void clear_scratch(const fs::path& state_dir) {
  std::error_code error;
  for (fs::directory_iterator it(state_dir, error), end; !error && it != end; it.increment(error)) {
    if (!it->path().filename().string().starts_with(scratch_prefix)) continue;
    std::error_code left;
    const auto written = fs::last_write_time(it->path(), left);
    if (!left && written < fs::file_time_type::clock::now() - scratch_rest) fs::remove_all(it->path(), left);
  }
}

}  // namespace

std::vector<std::string> split_signers(const std::string& signed_by) {
  std::vector<std::string> signers;
  for (const auto part : std::views::split(signed_by, std::string_view(", ")))
    signers.emplace_back(part.begin(), part.end());
  return signers;
}

const Edition* ListSet::find(std::string_view name) const {
  const auto found = std::ranges::find(lists, name, &Edition::name);
  return found == lists.end() ? nullptr : &*found;
}

fs::path ListSet::list_file(const Edition& edition) const {
  return folder / (edition.name + ".json");
}

fs::path ListSet::signature_file(const Edition& edition) const {
  return folder / (edition.name + ".json" + edition.signature);
}

fs::path ListSet::signature_file_of_key(const std::string& list, const std::string& key_id) const {
  return folder / fmt::format("{}.json.{}.minisig", list, key_id);
}

std::vector<fs::path> ListSet::further_signature_files(const Edition& edition) const {
  std::vector<fs::path> files;
  const auto signers = split_signers(edition.signed_by);
  for (const std::string& signer : signers | std::views::drop(1))
    files.push_back(signature_file_of_key(edition.name, signer.substr(signer.rfind(' ') + 1)));
  return files;
}

fs::path ListSet::index_file(const Edition& edition) const {
  return folder / (edition.name + ".cdb");
}

Result<void> check_format(config::Settings& settings, const fs::path& file, std::string_view kind) {
  std::uint64_t format = known_format;
  settings.number("format", format, 1, max_format);
  if (format == known_format) return {};
  return made_by_newer_version(printable(file.string()), kind, fmt::format("format {}", format),
                               fmt::format("format {}", known_format));
}

Result<ListSet> read_set(const fs::path& folder) {
  const fs::path file = folder / facts_file;
  auto settings = config::Settings::load(file);
  if (!settings) return damaged(file, "is damaged: " + settings.error().message);
  TRY(check_format(*settings, file, "an installed set of lists"));
  ListSet set{.folder = folder, .lists = {}};
  const std::size_t lists = settings->tables("list");
  for (std::size_t i = 0; i < lists; ++i) {
    auto edition = read_edition(*settings, fmt::format("list[{}].", i), set.legacy);
    if (!edition) return damaged(file, "is damaged: " + edition.error().message);
    set.lists.push_back(std::move(*edition));
  }
  if (const auto finished = settings->finish(); !finished)
    return damaged(file, "is damaged: " + finished.error().message);
  return set;
}

Result<ListSet> current_set(const fs::path& state_dir) {
  const fs::path link = state_dir / "current";
  std::error_code error;
  const fs::path target = fs::read_symlink(link, error);
  if (error == std::errc::no_such_file_or_directory) return ListSet{};
  if (error == std::errc::invalid_argument) return damaged(link, "is no symbolic link");
  if (error) return cannot_read(link.string(), error.value());
  const fs::path folder = fs::canonical(state_dir / target, error);
  // If this were read as "nothing is installed", an old list could be installed again.
  if (error == std::errc::no_such_file_or_directory) {
    return damaged(link, fmt::format("leads to {}, which is not there", printable(target.string())));
  }
  if (error) return cannot_read(link.string(), error.value());
  return read_set(folder);
}

// The umask can only be read by changing it. No other thread runs yet.
StateWriter::StateWriter(fs::path path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {
  const mode_t mask = ::umask(S_IRWXG | S_IRWXO);
  ::umask(mask);
  mode_ = 0644 & ~mask;
}

Result<StateWriter> StateWriter::lock(const fs::path& state_dir) {
  TRY(make_for_root(state_dir));
  std::error_code error;
  fs::create_directories(state_dir / "sets", error);
  if (error) return cannot(state_dir, "create the directory", error.value());
  const fs::path file = state_dir / "lock";
  // Readable only by the owner: a process that can open the file can lock it and block every update.
  UniqueFd fd(::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) return cannot(file, "open", errno);
  if (!S_ISREG(info.st_mode))
    return fail(Fault::cannot_create, "{}: {}", printable(file.string()), file_type_name(info.st_mode));
  if (::fchmod(fd.get(), 0600) != 0) return cannot(file, "open", errno);
  TRY(starttls::lock(fd, state_dir, "another update is running"));
  // Before anything is removed, it must be certain which set is current.
  TRY(current_set(state_dir));
  StateWriter state(state_dir, std::move(fd));
  state.clear_away();
  clear_scratch(state_dir);
  return state;
}

// Only directories with a number as name are ours. Those without a link to them are removed. What cannot be
// removed stays, and its number is not used again.
void StateWriter::clear_away() {
  std::vector<fs::path> linked;
  for (const char* name : {"current", "previous"}) {
    std::error_code none;
    linked.push_back(fs::read_symlink(path_ / name, none).filename());
  }
  std::error_code error;
  for (fs::directory_iterator it(path_ / "sets", error), end; !error && it != end; it.increment(error)) {
    const auto number = number_of(it->path());
    if (!number) continue;
    std::error_code left;
    if (std::ranges::find(linked, it->path().filename()) == linked.end()) fs::remove_all(it->path(), left);
    if (fs::exists(it->path(), left)) next_ = std::max(next_, *number + 1);
  }
}

Result<fs::path> StateWriter::create_next_set() {
  if (::mkdir(next_directory().c_str(), 0755) != 0 && errno != EEXIST) {
    return cannot(next_directory(), "create the directory", errno);
  }
  return next_directory();
}

void StateWriter::discard_files(std::string_view list) const {
  const ListSet next{.folder = next_directory(), .lists = {}};
  for (const char* const signature : {".minisig", ".asc"}) {
    const Edition edition{.name = std::string(list), .signature = signature};
    for (const auto file : {&ListSet::list_file, &ListSet::signature_file, &ListSet::index_file}) {
      ::unlink((next.*file)(edition).c_str());
    }
  }
  std::error_code error;
  for (fs::directory_iterator it(next.folder, error), end; !error && it != end; it.increment(error)) {
    if (is_signature_of_key(it->path().filename().string(), list)) ::unlink(it->path().c_str());
  }
}

Result<void> StateWriter::keep(const ListSet& from, const Edition& edition) {
  const ListSet to{.folder = next_directory(), .lists = {}};
  std::vector<fs::path> files{from.list_file(edition), from.signature_file(edition),
                              from.index_file(edition)};
  std::ranges::copy(from.further_signature_files(edition), std::back_inserter(files));
  for (const fs::path& file : files) {
    const fs::path name = to.folder / file.filename();
    if (::link(file.c_str(), name.c_str()) != 0) return cannot(name, "make the link", errno);
  }
  return {};
}

Result<ListSet> StateWriter::complete_set(std::vector<Edition> lists) {
  TRY(replace_file(next_directory() / facts_file, to_toml(lists), mode_));
  TRY(sync_directory(path_ / "sets"));
  return ListSet{.folder = next_directory(), .lists = std::move(lists)};
}

Result<void> StateWriter::redact_legacy_facts() const {
  for (const char* name : {"current", "previous"}) {
    std::error_code error;
    const fs::path folder = fs::canonical(path_ / name, error);
    const auto set = error ? Result<ListSet>{} : read_set(folder);
    // The content of a damaged set is unknown, and only the current set counts.
    if (!set || set->legacy.empty()) continue;
    TRY(replace_file(folder / facts_file, to_toml(set->lists), mode_));
  }
  return {};
}

void StateWriter::discard_set() const {
  std::error_code none;  // the next update removes what is left
  fs::remove_all(next_directory(), none);
}

Result<void> StateWriter::link(std::string_view name, const std::string& target) {
  const fs::path link = path_ / name;
  const fs::path draft = link.string() + ".new";
  ::unlink(draft.c_str());  // of an update that was killed
  if (::symlink(target.c_str(), draft.c_str()) != 0 || ::rename(draft.c_str(), link.c_str()) != 0) {
    return cannot(link, "turn the link", errno);
  }
  return {};
}

Result<void> StateWriter::switch_to(const ListSet& set) {
  std::error_code none;
  const fs::path old = fs::read_symlink(path_ / "current", none);
  if (!old.empty()) {
    TRY(link("previous", old.string()));
  }
  TRY(link("current", "sets/" + set.folder.filename().string()));
  next_ += 1;
  TRY(sync_directory(path_));
  clear_away();
  return {};
}

}  // namespace starttls::listtool
