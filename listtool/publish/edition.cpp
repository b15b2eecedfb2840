#include "listtool/publish/edition.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <ranges>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/directory.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "base/try.h"
#include "keyring/edition_mark.h"
#include "listtool/mail_server.h"
#include "listtool/map.h"
#include "listtool/publish/pages.h"
#include "listtool/signers.h"
#include "listtool/sources.h"
#include "minisign/blake2b.h"
#include "preload/writer.h"
#include "tlsrpt/gzip.h"

namespace starttls::listtool::publish {
namespace {

namespace fs = std::filesystem;
using listingdb::KeptEdition;

constexpr mode_t public_file = 0644;

Result<void> remove_directory(const fs::path& directory) {
  std::error_code error;
  fs::remove_all(directory, error);
  if (error) return fail(Fault::cannot_create, "{}: {}", printable(directory.string()), error.message());
  return {};
}

// One sync for thousands of pages.
Result<void> sync_file_system(const fs::path& directory) {
  const UniqueFd fd(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd && ::syncfs(fd.get()) == 0) return {};
  return fail(Fault::io, "{}: {}", printable(directory.string()), errno_text(errno));
}

// The file of an edition, while it is written: the text itself, packed, and hashed.
class ListFile {
 public:
  static Result<ListFile> create(const fs::path& path) {
    return ListFile(TRY(AtomicFile::create(path, public_file)), path);
  }

  Result<void> add(std::string_view piece) {
    file_.append(piece);
    hash_.add(piece);
    return gzip_.add(piece);
  }
  // The hash of the whole.
  Result<minisign::Hash> finish() {
    TRY(file_.finish());
    TRY(file_.commit());
    const std::string packed = TRY(gzip_.finish());
    TRY(replace_file(path_.string() + ".gz", packed, public_file));
    return hash_.so_far();
  }

 private:
  ListFile(AtomicFile file, fs::path path) : file_(std::move(file)), path_(std::move(path)) {}

  AtomicFile file_;
  fs::path path_;
  minisign::Blake2b hash_;
  tlsrpt::Gzip gzip_;
};

class EditionMaker {
 public:
  EditionMaker(Publisher& publisher, const KeyVersions& keys, const EditionPlan& plan,
               const listing::Difference& difference)
      : publisher_(publisher),
        settings_(publisher.settings()),
        keys_(keys),
        plan_(plan),
        difference_(difference),
        now_(publisher.context().now),
        staging_(publisher.layout().editions() / ".new") {}

  Result<KeptEdition> make() {
    if (keys_.newest() == nullptr) {
      return fail(Fault::config, "there are no keys yet: '{}' makes keys.1.json",
                  command_line(publisher_.context(), "keys init"));
    }
    TRY(keyring::check_usable(keys_.newest()->keyring, now_));
    TRY(begin());
    TRY(write());
    TRY(copy_keys());
    TRY(sign());
    TRY(write_pages(publisher_, keys_, edition_, staging_));
    TRY(read_as_consumer());
    TRY(keep());
    return edition_;
  }

 private:
  Result<void> begin() {
    const auto before = TRY(publisher_.db().newest());
    edition_ = {.number = before ? before->number + 1 : 1,
                .time = std::chrono::floor<std::chrono::seconds>(now_),
                .entries = TRY(publisher_.db().size_of(plan_.content)),
                .added = difference_.added.size(),
                .removed = difference_.removed.size(),
                .changed = difference_.changed.size(),
                .note = plan_.note};
    if (before) before_ = before->hash;
    TRY(remove_directory(staging_));
    TRY(Directory::make(staging_));
    return {};
  }

  Result<void> write() {
    auto file = TRY(ListFile::create(list_path()));
    preload::ListWriter writer({.timestamp = edition_.time,
                                .expires = expiry_of(settings_, edition_.time),
                                .author = settings_.author},
                               [&file](std::string_view piece) { return file.add(piece); });
    TRY(publisher_.db().each_of(plan_.content, [&writer](const listingdb::Published& entry) {
      return writer.add(entry.domain.str(), mtasts::Mode::enforce, entry.mxs);
    }));
    TRY(writer.finish());
    edition_.hash = minisign::to_hex(TRY(file.finish()));
    return {};
  }

  Result<void> copy_keys() {
    for (const KeyVersion& version : keys_.accepted) {
      TRY(copy(version.file, version.file.filename()));
      for (const fs::path& signature : version.signatures) TRY(copy(signature, signature.filename()));
    }
    return copy(keys_.newest()->file, "keys.json");
  }

  Result<void> copy(const fs::path& from, const fs::path& name) {
    const std::string content = TRY(read_file(from, keyring::max_keyring_size));
    return replace_file(staging_ / name, content, public_file);
  }

  Result<void> sign() {
    if (settings_.secret_keys.empty()) {
      return std::unexpected(
          publisher_.context().configuration.error_at("publish.secret_keys", "names no key"));
    }
    keyring::EditionMark mark{.file = list_file(settings_),
                              .list = settings_.name,
                              .edition = edition_.number,
                              .time = edition_.time};
    mark.previous = minisign::parse_hash(before_);
    for (const fs::path& key : settings_.secret_keys) TRY(sign(key, keyring::to_trusted_comment(mark)));
    return {};
  }

  // By minisign(1); beside the list, by the id of the key, and the first one as NAME.json.minisig, too.
  Result<void> sign(const fs::path& key, const std::string& comment) {
    const fs::path file = staging_ / ".signature";
    const Finished done =
        TRY(run_program({.argv = {publisher_.context().configuration.programs.minisign, "-S", "-s",
                                  key.string(), "-m", list_path().string(), "-x", file.string(), "-t",
                                  comment, "-c", fmt::format("signature of the list {}", settings_.name)}}));
    if (!done.succeeded()) {
      return fail(Fault::config, "{}: {} (the key must have no password: minisign -G -W)",
                  printable(key.string()), failure_text("minisign", done));
    }
    const std::string content = TRY(read_file(file, minisign::signature_size_limit));
    const auto signature = TRY(minisign::parse_signature(content));
    TRY(replace_file(signature_file(list_path().string(), signature.key_id), content, public_file));
    if (signatures_.empty()) TRY(replace_file(default_signature(list_path()), content, public_file));
    signatures_.push_back(signature.key_id);
    ::unlink(file.c_str());
    return {};
  }

  // Everything by the code that consumers run.
  Result<void> read_as_consumer() {
    const keyring::Keyring& keyring = keys_.newest()->keyring;
    const std::vector<minisign::PublicKey> valid = keyring::valid_keys(keyring, now_);
    if (valid.empty()) {
      return fail(Fault::config, "no online key of keys.json is valid now: '{}'",
                  command_line(publisher_.context(), "keys rotate --online KEY"));
    }
    ListFiles files{.list = list_path(), .shown = fmt::format("edition {}", edition_.number)};
    files.signature = signature_file(list_path().string(), signatures_.front());
    for (std::size_t i = 1; i < signatures_.size(); ++i)
      files.further_signatures.emplace_back(signature_file(list_path().string(), signatures_[i]));
    TRY(check_signers(keyring, valid));
    Source source = TRY(
        with_context(read_verified(publisher_.context(), settings_.name, files,
                                   {.keys = valid, .required = keyring.threshold}, minisign::Legacy::refuse,
                                   [this](const minisign::Verified& verified) { return check(verified); }),
                     "a consumer refuses it"));
    if (source.facts.unusable) return std::unexpected(*source.facts.unusable);
    TRY(check_entries(source.list));
    return compile(std::move(source));
  }

  // What read_verified() finds, too, but in the publisher's words: secret_keys and keys.json do not fit.
  Result<void> check_signers(const keyring::Keyring& keyring,
                             const std::vector<minisign::PublicKey>& valid) const {
    std::vector<std::string> wanted;
    wanted.reserve(valid.size());
    std::size_t signers = 0;
    for (const minisign::PublicKey& key : valid) {
      wanted.push_back(minisign::to_string(key.id));
      if (std::ranges::find(signatures_, key.id) != signatures_.end()) ++signers;
    }
    if (signers >= keyring.threshold) return {};
    const auto own = signatures_ |
                     std::views::transform([](const minisign::KeyId& id) { return minisign::to_string(id); });
    const Error place = publisher_.context().configuration.error_at(
        "publish.secret_keys",
        fmt::format("has {} {}; a consumer refuses that, because version {} of keys.json wants {} of {}",
                    signatures_.size() == 1 ? "the key" : "the keys", fmt::join(own, ", "), keyring.version,
                    keyring.threshold, fmt::join(wanted, ", ")));
    return fail(Fault::data, "{}", place.message);
  }

  Result<void> check(const minisign::Verified& verified) const {
    if (minisign::to_hex(verified.content) == edition_.hash) return {};
    return fail(Fault::internal, "the list has changed while it was signed");
  }

  // What a consumer reads is what the state has, entry by entry.
  Result<void> check_entries(const preload::List& list) {
    std::size_t index = 0;
    TRY(publisher_.db().each_of(plan_.content, [&](const listingdb::Published& entry) -> Result<void> {
      const preload::Entry read = index < list.size() ? list[index] : preload::Entry{};
      const bool is_same = read.domain == entry.domain.str() && read.mode == mtasts::Mode::enforce &&
                           read.joined_mxs == fmt::format("{}", fmt::join(entry.mxs, ":"));
      if (!is_same)
        return fail(Fault::data, "a consumer does not read the entry of {} as it was written",
                    entry.domain.str());
      ++index;
      return {};
    }));
    if (index == list.size()) return {};
    return fail(Fault::data, "a consumer reads {} entries, and {} were written", list.size(), index);
  }

  // A map for each mail server, of the kind that no other program makes. They are thrown away.
  Result<void> compile(Source source) {
    std::vector<Source> sources;
    sources.push_back(std::move(source));
    for (const MailServer* const server : mail_servers()) {
      const auto type = std::ranges::find_if(server->map_types, [](const MapType& each) {
        return each.format != MapFormat::compiled && each.format != MapFormat::lmdb;
      });
      if (type == server->map_types.end()) continue;
      OutputSettings output;
      output.server = server;
      output.file = staging_ / (".map-" + server->name);
      output.type = type->name;
      TRY(with_context(draft_map(output, sources, publisher_.context().configuration.programs),
                       "the map of {}", server->title));
    }
    return {};
  }

  Result<void> keep() {
    const fs::path to = publisher_.layout().edition(edition_.number);
    TRY(remove_directory(to));
    TRY(sync_file_system(staging_));
    if (::rename(staging_.c_str(), to.c_str()) != 0)
      return fail(Fault::cannot_create, "{}: {}", printable(to.string()), errno_text(errno));
    TRY(sync_directory(publisher_.layout().editions()));
    return publisher_.db().publish(edition_, plan_.content);
  }

  fs::path list_path() const { return staging_ / list_file(settings_); }

  Publisher& publisher_;
  const PublishSettings& settings_;
  const KeyVersions& keys_;
  const EditionPlan& plan_;
  const listing::Difference& difference_;
  Time now_;
  fs::path staging_;
  KeptEdition edition_;
  std::string before_;  // the hash of the edition before; "" for the first
  std::vector<minisign::KeyId> signatures_;
};

// The number of an edition's directory.
std::optional<std::uint64_t> number_of(const fs::path& directory) {
  const std::string name = directory.filename().string();
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (error != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

// Those that are older than keep_editions, but the pinned one.
Result<void> remove_old_editions(Publisher& publisher, std::uint64_t newest) {
  const auto pinned = TRY(publisher.db().pinned());
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(publisher.layout().editions(), error)) {
    const auto number = number_of(entry.path());
    if (!number || *number + publisher.settings().keep_editions > newest || number == pinned) continue;
    TRY(remove_directory(entry.path()));
  }
  return {};
}

}  // namespace

Result<KeptEdition> make_edition(Publisher& publisher, const KeyVersions& keys, const EditionPlan& plan,
                                 const listing::Difference& difference) {
  return EditionMaker(publisher, keys, plan, difference).make();
}

Result<void> show_newest(Publisher& publisher) {
  const auto newest = TRY(publisher.db().newest());
  if (!newest) return {};
  const Layout& layout = publisher.layout();
  const fs::path wanted = fs::path("editions") / std::to_string(newest->number);
  std::error_code none;
  if (fs::read_symlink(layout.visible(), none) == wanted) return {};
  const fs::path link = layout.directory / ".public";
  fs::remove(link, none);
  if (::symlink(wanted.c_str(), link.c_str()) != 0 || ::rename(link.c_str(), layout.visible().c_str()) != 0)
    return fail(Fault::cannot_create, "{}: {}", printable(layout.visible().string()), errno_text(errno));
  TRY(sync_directory(layout.directory));
  return remove_old_editions(publisher, newest->number);
}

Result<void> pin_edition(Publisher& publisher, const KeyVersions& keys, std::uint64_t number) {
  const fs::path file = publisher.layout().edition(number) / list_file(publisher.settings());
  if (std::error_code none; !fs::exists(file, none)) {
    return fail(Fault::usage, "edition {} is not kept any more: 'keep_editions' is {}", number,
                publisher.settings().keep_editions);
  }
  std::vector<minisign::PublicKey> known;
  for (const KeyVersion& version : keys.accepted) {
    for (const keyring::SigningKey& key : version.keyring.signing) known.push_back(key.key);
  }
  const Source source = TRY(read_verified(
      publisher.context(), publisher.settings().name,
      {.list = file, .signature = default_signature(file), .shown = "edition " + std::to_string(number)},
      {.keys = std::move(known)}, minisign::Legacy::refuse));
  std::size_t index = 0;
  return publisher.db().pin(number, [&]() -> Result<std::optional<listingdb::Published>> {
    if (index == source.list.size()) return std::optional<listingdb::Published>();
    const preload::Entry entry = source.list[index++];
    listingdb::Published published{.domain = TRY(DomainName::parse(entry.domain)), .mxs = {}};
    for (const std::string_view mx : preload::split_mxs(entry.joined_mxs)) published.mxs.emplace_back(mx);
    return std::optional(std::move(published));
  });
}

}  // namespace starttls::listtool::publish
