#include "report/intake.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <deque>
#include <future>
#include <map>
#include <mutex>
#include <span>
#include <thread>
#include <utility>

#include "base/directory.h"
#include "base/file.h"
#include "base/text.h"
#include "base/thread_pool.h"
#include "mail/mbox.h"
#include "tlsrpt/container.h"

namespace starttls::report {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t stdin_limit = std::uint64_t{256} << 20U;  // bytes
constexpr std::size_t batch_limit = 5'000;  // inputs, and their policies, that go into the store at once
constexpr std::uint64_t batch_size_limit = std::uint64_t{16} << 20U;  // bytes of these
constexpr std::size_t max_quarantined = 1'000;                        // files; the oldest go
constexpr std::size_t chunk_size = 64;                                // files that a thread reads ahead
constexpr std::size_t chunks_ahead = 16;
constexpr std::size_t max_workers = 4;

// The regular files in a folder, by name; those that begin with a dot are not for others.
Result<std::vector<std::string>> files_in(const fs::path& folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string& path = entry->path().native();
    const bool is_hidden = path[path.rfind('/') + 1] == '.';
    std::error_code unknown;
    if (!is_hidden && entry->is_regular_file(unknown)) files.push_back(path);
  }
  if (error) return fail(Fault::io, "{}", error.message());
  std::ranges::sort(files);
  return files;
}

// maildir(5): what was read and what was not; "tmp" is not complete yet.
Result<std::vector<std::string>> files_of(const fs::path& folder) {
  std::error_code ignored;
  if (!fs::is_directory(folder / "new", ignored) || !fs::is_directory(folder / "cur", ignored))
    return files_in(folder);
  auto files = files_in(folder / "new");
  if (!files) return files;
  const auto seen = files_in(folder / "cur");
  if (!seen) return seen;
  files->insert(files->end(), seen->begin(), seen->end());
  return files;
}

Result<void> copy(const mail::RandomAccessFile& source, int to) {
  const ReadBytes bytes = source.bytes(0, source.size());
  std::string buffer(std::size_t{64} << 10U, '\0');
  while (true) {
    const auto got = bytes(buffer);
    if (!got) return std::unexpected(got.error());
    if (*got == 0) break;
    if (const int error = write_all(to, std::string_view(buffer).substr(0, *got)); error != 0) {
      return fail(write_fault(error), "{}", errno_text(error));
    }
  }
  if (::fsync(to) != 0) return fail(Fault::io, "{}", errno_text(errno));
  return {};
}

// The oldest files of a folder, by name, until there is room for one more of this size.
Result<void> make_room(const fs::path& folder, std::uint64_t size, std::uint64_t max_size) {
  const auto files = files_in(folder);
  if (!files) return std::unexpected(files.error());
  std::error_code ignored;
  const auto size_of = [&](const std::string& file) -> std::uint64_t {
    const std::uintmax_t found = fs::file_size(file, ignored);
    return ignored ? 0 : found;
  };
  std::uint64_t all = size;
  for (const std::string& file : *files) all += size_of(file);
  std::size_t count = files->size();
  for (const std::string& file : *files) {
    if (all <= max_size && count < max_quarantined) break;
    all -= size_of(file);
    --count;
    fs::remove(file, ignored);
  }
  return {};
}

// Made where it is missing, and then given by root to whom the state directory belongs to, who will write
// there, too. That user could put a link in its place, which is not followed.
Result<Directory> directory_for_rejected(const fs::path& folder) {
  std::error_code ignored;
  fs::create_directories(folder.parent_path(), ignored);
  const auto parent = Directory::open(folder.parent_path());
  if (!parent) return std::unexpected(parent.error());
  const bool is_new = ::mkdirat(parent->fd(), folder.filename().c_str(), 0777) == 0;
  auto directory = Directory::open(folder);
  if (directory && is_new && ::geteuid() == 0 && directory->owner() == 0)
    (void)!::fchownat(directory->fd(), "", parent->owner(), parent->group(), AT_EMPTY_PATH);
  return directory;
}

// What a thread has read ahead.
struct Chunk {
  std::vector<ParsedFile> files;
  std::thread::id reader = std::this_thread::get_id();
};

// Chunks that nobody needs any more, to be freed by the threads that have read them: malloc(3) has threads
// wait for each other where one frees what another has allocated.
class UsedChunks {
 public:
  void add(Chunk chunk) {
    const std::lock_guard lock(mutex_);
    by_reader_[chunk.reader].push_back(std::move(chunk));
  }
  void free_own() {
    std::vector<Chunk> own;
    const std::lock_guard lock(mutex_);
    own.swap(by_reader_[std::this_thread::get_id()]);
  }  // the lock is given back first

 private:
  std::mutex mutex_;
  std::map<std::thread::id, std::vector<Chunk>> by_reader_;
};

class Intake {
 public:
  Intake(tlsrptdb::ReportStore* store, const IntakeSettings& settings, const InputListener& listener)
      : store_(store),
        settings_(settings),
        listener_(listener),
        parser_(settings.expected, store != nullptr) {}

  Result<void> take_files(std::span<const std::string> files);
  Result<void> take_rejected(Input input, const std::string& reason) {
    input = rejected(std::move(input), reason);
    return tell(input);
  }
  // Puts into the store what is not there yet, and tells it.
  Result<void> finish();

 private:
  Result<void> take_file(const std::string& path);
  Result<void> take_document(Input input, const mail::RandomAccessFile& source, const tlsrpt::Location& place,
                             const ReadBytes& document);
  Result<void> take_parsed(ParsedInput& parsed);
  Result<void> keep(Input& input, std::string_view packed);
  Result<void> begin_batch();
  Result<void> tell(Input& input);
  Result<void> set_aside(Input& input);
  std::string oddity_of(const mail::RandomAccessFile& source) const;

  tlsrptdb::ReportStore* store_;
  const IntakeSettings& settings_;
  const InputListener& listener_;
  Parser parser_;
  std::set<std::int64_t> met_;  // reports of the store that were met here
  bool in_batch_ = false;
  std::size_t told_ = 0;                               // inputs since the last commit, with their policies
  const mail::RandomAccessFile* only_copy_ = nullptr;  // what came on standard input
  std::string kept_as_;                                // and what that was set aside in
  std::string oddity_;                                 // of what is read now, as a whole; empty: none
};

Result<void> Intake::take_files(std::span<const std::string> files) {
  std::deque<std::future<Chunk>> ahead;
  UsedChunks used;
  ThreadPool workers(std::min(max_workers, (files.size() + chunk_size - 1) / chunk_size));
  std::size_t begun = 0;  // files
  for (std::size_t taken = 0; taken < files.size();) {
    while (begun < files.size() && ahead.size() < chunks_ahead) {
      const auto next = files.subspan(begun, std::min(chunk_size, files.size() - begun));
      ahead.push_back(workers.submit([this, next, &used] {
        used.free_own();
        return Chunk{.files = parse_ahead(next, settings_.expected, store_ != nullptr)};
      }));
      begun += next.size();
    }
    Chunk chunk = ahead.front().get();
    ahead.pop_front();
    for (ParsedFile& file : chunk.files) {
      const std::string& path = files[taken++];
      if (!file) {
        if (auto done = take_file(path); !done) return done;
        continue;
      }
      for (ParsedInput& parsed : *file) {
        if (auto done = take_parsed(parsed); !done) return done;
      }
    }
    used.add(std::move(chunk));
  }
  return {};
}

Result<void> Intake::take_file(const std::string& path) {
  const std::string name = path == "-" ? "-" : printable(path);
  const auto source = mail::RandomAccessFile::open(path, stdin_limit);
  // A file stays where it is; what comes on standard input and cannot be kept now must come again.
  if (!source && path == "-" && source.error().fault != Fault::data) return std::unexpected(source.error());
  if (!source) return take_rejected({.name = name}, source.error().message);
  only_copy_ = path == "-" ? &*source : nullptr;
  kept_as_.clear();
  const bool is_one_mail = path == "-" && !settings_.stdin_is_mailbox;
  oddity_ = is_one_mail ? oddity_of(*source) : "";
  Result<void> done;
  const auto whole = tlsrpt::for_each_document(
      *source,
      [&](const tlsrpt::Location& place, const Result<ReadBytes>& document) {
        if (!done) return;  // the store's trouble: what comes would only meet it again
        Input input{.name = name, .message = place.message};
        done = document ? take_document(std::move(input), *source, place, *document)
                        : take_rejected(std::move(input), document.error().message);
      },
      is_one_mail ? tlsrpt::FromLine::begins_mail : tlsrpt::FromLine::begins_mailbox);
  if (done && !whole) done = take_rejected({.name = name}, whole.error().message);
  only_copy_ = nullptr;
  oddity_.clear();
  return done;
}

// Of standard input that is taken for one mail.
std::string Intake::oddity_of(const mail::RandomAccessFile& source) const {
  if (!mail::is_mbox(source.head())) return {};
  const auto several = mail::has_several_messages(source);
  if (!several.value_or(false)) return {};
  return "a line \"From \" that could begin another mail is taken for a part of the mail; read --mbox reads "
         "a "
         "folder";
}

Result<void> Intake::take_document(Input input, const mail::RandomAccessFile& source,
                                   const tlsrpt::Location& place, const ReadBytes& document) {
  if (auto begun = begin_batch(); !begun) return begun;
  Result<void> added;
  std::vector<tlsrpt::PolicyResult> policies;
  input = parser_.parse(std::move(input), source, place, document, [&](tlsrpt::PolicyResult&& policy) {
    if (store_ != nullptr && added) added = store_->add(policy);
    if (settings_.want_policies) policies.push_back(std::move(policy));
  });
  if (!added) return added;
  if (input.status == InputStatus::rejected) {
    if (auto dropped = store_ != nullptr ? store_->drop() : Result<void>(); !dropped) return dropped;
    return tell(input);
  }
  input.policies = std::move(policies);
  if (auto kept = keep(input, parser_.take_packed()); !kept) return kept;
  return tell(input);
}

Result<void> Intake::take_parsed(ParsedInput& parsed) {
  if (parsed.input.status == InputStatus::rejected) return tell(parsed.input);
  if (auto begun = begin_batch(); !begun) return begun;
  for (const tlsrpt::PolicyResult& policy : parsed.policies) {
    if (auto added = store_ != nullptr ? store_->add(policy) : Result<void>(); !added) return added;
  }
  if (auto kept = keep(parsed.input, parsed.packed); !kept) return kept;
  if (settings_.want_policies) parsed.input.policies = std::move(parsed.policies);
  return tell(parsed.input);
}

Result<void> Intake::keep(Input& input, std::string_view packed) {
  if (store_ == nullptr) return {};
  if (input.is_too_old) return store_->drop();
  const auto kept = store_->finish(
      {.head = input.head,
       .identity = input.identity,
       .packed = packed,
       .received = settings_.expected.now,
       .reporter = input.signer.empty() ? to_lower(input.head.organization_name) : input.signer,
       .authenticated = !input.signer.empty(),
       .report_domain = input.report_domain});
  if (!kept) return std::unexpected(kept.error());
  if (kept->addition == tlsrptdb::AddResult::refused) {
    input = rejected({.name = input.name, .message = input.message}, kept->reason);
    return {};
  }
  if (kept->addition != tlsrptdb::AddResult::added) input.status = InputStatus::duplicate;
  if (kept->addition == tlsrptdb::AddResult::conflicting) {
    input.warnings.push_back(kept->reason.empty()
                                 ? "its figures differ from those of the same report that is kept"
                                 : kept->reason);
  }
  if (!met_.insert(kept->report).second) input.failures = FailureDigest();
  return {};
}

Result<void> Intake::begin_batch() {
  if (store_ == nullptr || in_batch_) return {};
  auto begun = store_->begin();
  in_batch_ = begun.has_value();
  return begun;
}

Result<void> Intake::tell(Input& input) {
  if (input.status == InputStatus::rejected && only_copy_ != nullptr &&
      !settings_.rejected_directory.empty()) {
    if (auto kept = kept_as_.empty() ? set_aside(input) : Result<void>(); !kept) return kept;
    input.kept_as = kept_as_;
  }
  if (!oddity_.empty()) input.warnings.push_back(oddity_);
  listener_.tell(input);
  told_ += 1 + input.policies.size();
  const bool is_much = told_ >= batch_limit || (in_batch_ && store_->uncommitted_size() >= batch_size_limit);
  return is_much ? finish() : Result<void>();
}

Result<void> Intake::finish() {
  if (std::exchange(in_batch_, false)) {
    if (auto done = store_->commit(); !done) return done;
  }
  told_ = 0;
  return listener_.committed();
}

// The oldest go where there is much: who sends garbage must not fill the disk.
Result<void> Intake::set_aside(Input& input) {
  const std::uint64_t most = settings_.max_rejected_size / rejected_share;
  if (only_copy_->size() > most) {
    input.warnings.push_back(
        fmt::format("not set aside: it has {} bytes, more than the {} that one mail may have of "
                    "report.max_rejected_size",
                    only_copy_->size(), most));
    return {};
  }
  const fs::path& folder = settings_.rejected_directory;
  const auto cannot = [&](std::string_view why) {
    return fail(Fault::io, "{}: what came on standard input cannot be set aside: {}",
                printable(folder.string()), why);
  };
  const auto directory = directory_for_rejected(folder);
  if (!directory) return cannot(directory.error().message);
  // By its descriptor: what root makes and removes there is in that directory, whatever becomes of its path.
  const fs::path held = fmt::format("/proc/self/fd/{}", directory->fd());
  if (auto made = make_room(held, only_copy_->size(), settings_.max_rejected_size); !made)
    return cannot(made.error().message);
  std::string file = (held / (to_rfc3339(settings_.expected.now) + "-XXXXXX")).string();
  const UniqueFd fd(::mkostemp(file.data(), O_CLOEXEC));
  if (!fd) return cannot(errno_text(errno));
  if (auto copied = copy(*only_copy_, fd.get()); !copied) return cannot(copied.error().message);
  kept_as_ = (folder / fs::path(file).filename()).string();
  return directory->sync();
}

}  // namespace

Result<void> take_in(const std::vector<fs::path>& inputs, tlsrptdb::ReportStore* store,
                     const IntakeSettings& settings, const InputListener& listener) {
  Intake intake(store, settings, listener);
  for (std::size_t at = 0; at < inputs.size();) {
    // Files that stand beside each other are read ahead together.
    std::vector<std::string> files;
    std::error_code ignored;
    for (; at < inputs.size() && (inputs[at] == "-" || !fs::is_directory(inputs[at], ignored)); ++at)
      files.push_back(inputs[at]);
    if (auto taken = intake.take_files(files); !taken) return taken;
    if (at == inputs.size()) break;
    const fs::path& folder = inputs[at++];
    const auto of_folder = files_of(folder);
    auto taken = of_folder
                     ? intake.take_files(*of_folder)
                     : intake.take_rejected({.name = printable(folder.string())}, of_folder.error().message);
    if (!taken) return taken;
  }
  return intake.finish();
}

}  // namespace starttls::report
