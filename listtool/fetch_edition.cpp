#include "listtool/fetch_edition.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "http/url.h"
#include "listtool/context.h"
#include "listtool/installed_lists.h"
#include "listtool/list_index.h"
#include "minisign/signature.h"
#include "openpgp/verify.h"
#include "preload/reader.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

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

// Where a list or a signature comes from: a URL or a local file.
struct Origin {
  std::string place;
  std::size_t limit;  // bytes
  std::string shown() const { return is_url(place) ? http::shown(place) : printable(place); }
};

// The validators of a local file, in place of those of a server.
http::Validators file_validators(const struct stat& info) {
  return {.etag = fmt::format("file {} {} {}.{:09}", info.st_ino, info.st_size, info.st_mtim.tv_sec,
                              info.st_mtim.tv_nsec)};
}

struct Fetched {
  bool unchanged = false;
  http::Validators validators;
  std::string content_type;
};

class Fetcher {
 public:
  Fetcher(const FetchLimits& limits, http::Client& client) : limits_(limits), client_(client) {}

  Result<Fetched> fetch(const Origin& origin, const http::Validators& known, StagedFile& to) {
    auto fetched = is_url(origin.place) ? fetch_url(origin, known, to) : copy_file(origin, known, to);
    if (!fetched || fetched->unchanged) return fetched;
    TRY(to.finish());
    return fetched;
  }

 private:
  Result<Fetched> fetch_url(const Origin& origin, const http::Validators& known, StagedFile& to) {
    const http::Request request{.url = origin.place,
                                .validators = known,
                                .limits = {.total = limits_.timeout,
                                           .connect = limits_.connect_timeout,
                                           .bytes = origin.limit,
                                           .redirects = static_cast<int>(limits_.max_redirects)},
                                .ca_file = limits_.ca_file};
    auto answer = TRY(client_.fetch(request, to.sink()));
    return Fetched{.unchanged = answer.status == 304,
                   .validators = std::move(answer.validators),
                   .content_type = std::move(answer.content_type)};
  }

  Result<Fetched> copy_file(const Origin& origin, const http::Validators& known, StagedFile& to) {
    // Opening a pipe would wait for its writer.
    if (std::error_code none; fs::exists(origin.place, none) && !fs::is_regular_file(origin.place, none)) {
      return fail(Fault::data, "{}: is no regular file", origin.shown());
    }
    const auto fd = TRY(open_file(origin.place, origin.limit));
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0) return cannot_read(origin.place, errno);
    Fetched fetched{.validators = file_validators(info)};
    fetched.unchanged = !known.etag.empty() && known.etag == fetched.validators.etag;
    std::vector<char> piece(std::size_t{1} << 18U);
    const auto sink = to.sink();
    for (std::size_t size = 0; !fetched.unchanged;) {
      const auto got = TRY(read_some(fd.get(), piece, origin.place));
      if (got == 0) break;
      size += got;
      if (size > origin.limit) {
        return fail(Fault::data, "{}: larger than the limit of {} bytes", origin.shown(), origin.limit);
      }
      TRY(sink({piece.data(), got}));
    }
    return fetched;
  }

  const FetchLimits& limits_;
  http::Client& client_;
};

// The suffix of a signature's name, as minisign and gpg use it.
std::string suffix_for(const ListSettings& settings) {
  return settings.openpgp_key_file.empty() ? ".minisig" : ".asc";
}

Result<Origin> signature_origin(const ListSettings& settings) {
  const std::size_t limit =
      settings.openpgp_key_file.empty() ? minisign::signature_size_limit : openpgp::signature_size_limit;
  if (!settings.signature.empty()) return Origin{.place = settings.signature, .limit = limit};
  if (settings.url.empty()) {
    return Origin{.place = settings.file.string() + suffix_for(settings), .limit = limit};
  }
  auto url = TRY(http::signature_url(settings.url, suffix_for(settings)));
  return Origin{.place = std::move(url), .limit = limit};
}

// One attempt to fetch an edition.
class Attempt {
 public:
  Attempt(const Context& context, StateWriter& state, http::Client& client, const ListSettings& settings,
          const PreviousEdition& before)
      : context_(context),
        settings_(settings),
        before_(before),
        number_(state.next_number()),
        list_(state, settings.name + ".json"),
        signature_(state, settings.name + ".json" + suffix_for(settings)),
        fetcher_(context.configuration.fetch, client),
        origin_{.place = origin(settings), .limit = context.configuration.fetch.max_size} {}

  // `conditional`: fetches only an edition that is newer than the installed one.
  Result<FetchedEdition> run(bool conditional) {
    http::Validators known;
    if (conditional) known = before_.list_history->validators;
    auto fetched = TRY(fetcher_.fetch(origin_, known, list_));
    if (fetched.unchanged) return as_installed(known);
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
    const auto origin = TRY(signature_origin(settings_));
    TRY(fetcher_.fetch(origin, {}, signature_));
    came_whole_ = true;
    auto source = read_signed(context_, settings_,
                              {.list = list_.path(),
                               .signature = signature_.path(),
                               .shown = origin_.shown(),
                               .shown_signature = origin.shown(),
                               // In this directory the next update removes what a killed one has left.
                               .scratch = list_.path().parent_path()});
    if (!source) return unverified(std::move(source.error()), fetched);
    auto from = TRY(place_digest(origin_.place));
    FetchedEdition fetched_edition{.edition = {.name = settings_.name,
                                               .number = number_,
                                               .origin = shown_origin(origin_.place),
                                               .signed_by = source->facts.signed_by.value_or(""),
                                               .signature = suffix_for(settings_),
                                               .timestamp = source->facts.timestamp,
                                               .expires = source->facts.expires,
                                               .domains = source->list.size()},
                                   .content = std::nullopt,
                                   .list_history = {.timestamp = source->facts.timestamp,
                                                    .digest = source->facts.digest,
                                                    .edition = number_,
                                                    .origin = std::move(from),
                                                    .validators = fetched.validators}};
    fetched_edition.content = std::move(*source);
    return fetched_edition;
  }

  // The most frequent wrong content is an HTML page with status 200.
  std::unexpected<Error> unverified(Error error, const Fetched& fetched) const {
    if (fetched.content_type.starts_with("text/html"))
      error.message += "; the server sent a web page (text/html)";
    return std::unexpected(std::move(error));
  }

  const Context& context_;
  const ListSettings& settings_;
  const PreviousEdition& before_;
  std::uint64_t number_;
  StagedFile list_;
  StagedFile signature_;
  Fetcher fetcher_;
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
  const auto verdict = verify_signed(context, settings,
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
      may_sign(settings, before.installed->signed_by);
  Attempt first(context, state, client, settings, before);
  auto fetched_edition = first.run(conditional);
  if (!fetched_edition && first.came_whole() && fetched_edition.error().fault == Fault::data &&
      !settings.url.empty()) {
    fetched_edition = Attempt(context, state, client, settings, before).run(false);
  }
  if (!fetched_edition || !fetched_edition->content) return fetched_edition;
  if (fetched_edition->content->facts.unusable)
    return std::unexpected(*fetched_edition->content->facts.unusable);
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
