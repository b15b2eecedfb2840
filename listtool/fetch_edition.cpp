#include "listtool/fetch_edition.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/console.h"
#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "listtool/context.h"
#include "listtool/fetch_signatures.h"
#include "listtool/installed_lists.h"
#include "listtool/list_fetcher.h"
#include "listtool/list_index.h"
#include "listtool/signers.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

// A publisher that signs an edition a minute needs two years for so many. A larger step would leave no numbers for the
// editions that follow it.
constexpr std::uint64_t max_step = 1'000'000;

// A file of the next set. It is created when its first byte arrives, so that a list that has not changed
// creates no file.
class StagedFile {
 public:
  StagedFile(StateWriter& state, std::string name) : state_(state), name_(std::move(name)) {}

  http::Sink sink() {
    return [this](std::string_view piece) -> Result<void> {
      if (!fd_) {
        TRY(open());
      }
      if (const int error = write_all(fd_.get(), piece); error != 0) return cannot_write(error);
      return {};
    };
  }
  // An empty text is a file, too.
  Result<void> finish() {
    if (!fd_) {
      TRY(open());
    }
    if (::fsync(fd_.get()) != 0) return cannot_write(errno);
    fd_.reset();
    return {};
  }
  const fs::path& path() const { return path_; }

 private:
  Result<void> open() {
    const auto folder = TRY(state_.create_next_set());
    path_ = folder / name_;
    fd_ = UniqueFd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (!fd_) return cannot_write(errno);
    return {};
  }
  std::unexpected<Error> cannot_write(int error) const {
    return fail(write_fault(error), "{}: cannot write: {}", printable(path_.string()), errno_text(error));
  }

  StateWriter& state_;
  std::string name_;
  fs::path path_;
  UniqueFd fd_;
};

// The newest keys.json of the list; nullptr if there is none.
const keyring::Keyring* newest_keyring(const PreviousEdition& before) {
  return before.keyring ? &before.keyring->keyring : nullptr;
}

// One attempt to fetch an edition.
class Attempt {
 public:
  Attempt(const Context& context, StateWriter& state, http::Client& client, const ListSettings& settings,
          const PreviousEdition& before)
      : context_(context),
        state_(state),
        settings_(settings),
        before_(before),
        signers_(current_signers(settings, newest_keyring(before), context.now)),
        list_(state, settings.name + ".json"),
        fetcher_(context.configuration.fetch, client),
        origin_{.place = origin(settings), .limit = context.configuration.fetch.max_size, .gzip = true} {}

  // `conditional`: fetches only an edition that is newer than the installed one.
  Result<FetchedEdition> run(bool conditional) {
    http::Validators known;
    if (conditional) known = before_.list_history->validators;
    auto fetched = TRY(fetcher_.fetch(origin_, known, list_.sink()));
    if (fetched.unchanged) return as_installed(known);
    TRY(list_.finish());
    if (conditional && is_installed()) return as_installed(fetched.validators);
    return verified(fetched);
  }

  // Whether the whole list arrived and only its verification failed.
  bool came_whole() const { return came_whole_; }

 private:
  bool is_installed() const {
    return starttls::same_content(list_.path(), before_.set.list_file(*before_.installed));
  }

  Result<FetchedEdition> as_installed(const http::Validators& validators) const {
    FetchedEdition fetched_edition{
        .edition = *before_.installed, .content = std::nullopt, .list_history = *before_.list_history};
    fetched_edition.list_history.validators = validators;
    return fetched_edition;
  }

  Result<FetchedEdition> verified(const Fetched& fetched) {
    const auto signatures = TRY(fetch_signatures(fetcher_, settings_, signers_, newest_keyring(before_)));
    ListFiles files{.list = list_.path(),
                    .shown = origin_.shown(),
                    .shown_signature = signatures.first_origin,
                    // In this directory the next update removes what a killed one has left.
                    .scratch = list_.path().parent_path()};
    const ListSet next{.folder = state_.next_directory(), .lists = {}};
    files.signature = TRY(stage(list_.path().string() + signature_suffix(settings_), signatures.first));
    for (const auto& [key_id, text] : signatures.further) {
      const fs::path file = next.signature_file_of_key(settings_.name, key_id);
      files.further_signatures.push_back(TRY(stage(file, text)));
    }
    came_whole_ = true;
    auto source = read_signed(context_, settings_, signers_, files);
    if (!source) return unverified(std::move(source.error()), fetched);
    auto from = TRY(place_digest(origin_.place));
    FetchedEdition fetched_edition{
        .edition = {.name = settings_.name,
                    .number = state_.next_number(),
                    .origin = shown_origin(origin_.place),
                    .signed_by = source->facts.signed_by.value_or(""),
                    .signature = signature_suffix(settings_),
                    .timestamp = source->facts.timestamp,
                    .expires = source->facts.expires,
                    .domains = source->list.size(),
                    .keyring = before_.keyring},
        .content = std::nullopt,
        .list_history = before_.list_history != nullptr ? *before_.list_history : ListHistory{}};
    ListHistory& history = fetched_edition.list_history;
    history.timestamp = source->facts.timestamp;
    history.digest = source->facts.digest;
    history.edition = state_.next_number();
    history.origin = std::move(from);
    history.validators = fetched.validators;
    history.mark = source->facts.mark ? source->facts.mark->edition : 0;
    fetched_edition.content = std::move(*source);
    return fetched_edition;
  }

  // Writes a file of the next set.
  Result<fs::path> stage(const fs::path& file, std::string_view text) const {
    StagedFile staged(state_, file.filename());
    TRY(staged.sink()(text));
    TRY(staged.finish());
    return staged.path();
  }

  // The most frequent wrong content is an HTML page with status 200.
  std::unexpected<Error> unverified(Error error, const Fetched& fetched) const {
    if (fetched.content_type.starts_with("text/html"))
      error.message += "; the server sent a web page (text/html)";
    return std::unexpected(std::move(error));
  }

  const Context& context_;
  StateWriter& state_;
  const ListSettings& settings_;
  const PreviousEdition& before_;
  Signers signers_;
  StagedFile list_;
  ListFetcher fetcher_;
  Origin origin_;
  bool came_whole_ = false;
};

// Whether the new edition is equal, byte by byte, to the newest one that was installed.
bool is_the_same(const StateWriter& state, const PreviousEdition& before, const FetchedEdition& next) {
  if (before.list_history != nullptr && !before.list_history->digest.empty()) {
    return before.list_history->digest == next.list_history.digest;
  }
  return before.installed != nullptr &&
         starttls::same_content(before.set.list_file(*before.installed),
                                state.next_directory() / (next.edition.name + ".json"));
}

// Checks an edition of the same time as the installed one. After a change of the keys the same list may have
// another signature. The installed edition is ignored if it is proven that no configured key signed it.
Result<void> may_come_again(const Context& context, const StateWriter& state, const ListSettings& settings,
                            const PreviousEdition& before, const FetchedEdition& next) {
  if (is_the_same(state, before, next)) return {};
  const std::string time = to_rfc3339(next.edition.timestamp);
  if (before.installed == nullptr || before.installed->timestamp != next.edition.timestamp) {
    return fail(Fault::data, "it is of {}, as one that was installed before, but its content is another",
                time);
  }
  const auto verdict =
      verify_signed(context, settings, signers_of_installed(settings, newest_keyring(before)),
                    installed_files(before.set, *before.installed, state.next_directory()));
  if (!verdict && verdict.error().fault == Fault::data) return {};
  if (verdict) {
    return fail(Fault::data, "it is of {}, as the installed one, but its content is another", time);
  }
  return fail(
      verdict.error().fault,
      "it is of {}, as the installed one, but its content is another, and whether the installed one is still "
      "signed cannot be checked: {}",
      time, verdict.error().message);
}

// Whether those who signed the installed edition may still do so. What a revoked key has signed counts for
// nothing: else its holder could keep every later edition out.
bool is_still_signed(const ListSettings& settings, const PreviousEdition& before) {
  return before.installed == nullptr ||
         may_sign(settings, signers_of_installed(settings, newest_keyring(before)),
                  before.installed->signed_by);
}

// The number of the edition, and the hash of the one before: they only grow, in one chain.
Result<void> check_chain(const Context& context, const ListSettings& settings, const PreviousEdition& before,
                         const FetchedEdition& next) {
  const auto& mark = next.content->facts.mark;
  if (!mark) return {};
  if (mark->time > context.now + max_ahead_of_clock) {
    return fail(Fault::data, "it was signed at {}, which is more than {} hours ahead of the clock",
                to_rfc3339(mark->time), max_ahead_of_clock.count());
  }
  const std::uint64_t newest = before.list_history != nullptr ? before.list_history->mark : 0;
  if (newest == 0 || !is_still_signed(settings, before)) return {};
  const std::string& digest = before.list_history->digest;
  if (mark->edition < newest) {
    return fail(Fault::data, "rolled back: it is edition {}, and edition {} was installed before",
                mark->edition, newest);
  }
  if (mark->edition == newest && next.list_history.digest != digest)
    return fail(Fault::data, "fork: another edition {} was installed before", newest);
  if (mark->edition == newest + 1 && minisign::to_hex(*mark->previous) != digest) {
    return fail(Fault::data,
                "fork: it is edition {}, which follows another edition {} than the installed one",
                mark->edition, newest);
  }
  if (mark->edition > newest + max_step) {
    return fail(Fault::data, "it is edition {}, more than {} after edition {}, the newest that was installed",
                mark->edition, max_step, newest);
  }
  if (context.verbose && mark->edition > newest + 1) {
    print_info(program, fmt::format("list {}: edition {} follows edition {} here: {} in between {} not seen",
                                    settings.name, mark->edition, newest,
                                    counted(mark->edition - newest - 1, "edition"),
                                    mark->edition == newest + 2 ? "was" : "were"));
  }
  return {};
}

// "Timestamps only grow": checks the rules of the list format, and our limit on how much a list may shrink.
Result<void> may_follow(const Context& context, const StateWriter& state, const ListSettings& settings,
                        const PreviousEdition& before, const FetchedEdition& next, bool force) {
  const Time time = next.edition.timestamp;
  const Time installed = before.installed != nullptr ? before.installed->timestamp : Time{};
  const Time newest =
      before.list_history != nullptr ? std::max(before.list_history->timestamp, installed) : installed;
  if (time < newest) {
    return fail(Fault::data, "rolled back: it is of {}, the {} of {}", to_rfc3339(time),
                newest == installed ? "installed one" : "newest one that was ever installed under this name",
                to_rfc3339(newest));
  }
  if (time == newest) return may_come_again(context, state, settings, before, next);
  if (before.installed == nullptr) return {};
  const std::uint64_t domains = before.installed->domains;
  if (next.edition.domains < domains - domains * settings.max_shrink / 100 && !force) {
    return fail(Fault::data,
                "it shrank from {} to {}, by more than max_shrink ({} %) allows; if that is meant, "
                "run update with --force",
                domains, counted(next.edition.domains, "domain"), settings.max_shrink);
  }
  return {};
}

}  // namespace

Result<FetchedEdition> fetch_edition(const Context& context, StateWriter& state, http::Client& client,
                                     const ListSettings& settings, const PreviousEdition& before,
                                     const FetchOptions& options) {
  // The request depends on the installed edition only if it comes from the same place and a configured key
  // signed it.
  const auto place = TRY(place_digest(origin(settings)));
  const bool conditional =
      !options.unconditional && before.installed != nullptr && before.list_history != nullptr &&
      before.list_history->edition == before.installed->number && before.list_history->origin == place &&
      may_sign(settings, current_signers(settings, newest_keyring(before), context.now),
               before.installed->signed_by);
  Attempt first(context, state, client, settings, before);
  auto fetched_edition = first.run(conditional);
  if (!fetched_edition && first.came_whole() && fetched_edition.error().fault == Fault::data &&
      !settings.url.empty()) {
    state.discard_files(settings.name);
    fetched_edition = Attempt(context, state, client, settings, before).run(false);
  }
  if (!fetched_edition || !fetched_edition->content) return fetched_edition;
  if (fetched_edition->content->facts.unusable)
    return std::unexpected(*fetched_edition->content->facts.unusable);
  TRY(check_chain(context, settings, before, *fetched_edition));
  if (before.installed != nullptr || before.list_history != nullptr) {
    TRY(may_follow(context, state, settings, before, *fetched_edition, options.force));
  }
  const ListSet next{.folder = state.next_directory(), .lists = {}};
  if (const auto indexed = ListIndex::write(fetched_edition->content->list,
                                            next.index_file(fetched_edition->edition), state.mode());
      !indexed) {
    return std::unexpected(indexed.error());
  }
  return fetched_edition;
}

}  // namespace starttls::listtool
