#include "report/intake.h"

#include <algorithm>
#include <deque>
#include <future>
#include <span>
#include <utility>

#include "base/text.h"
#include "base/thread_pool.h"
#include "base/try.h"
#include "mail/maildir.h"
#include "mail/mbox.h"
#include "report/rejected_files.h"
#include "tlsrpt/container.h"

namespace starttls::report {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_batch_inputs = 5'000;  // inputs, and their policies, that are stored at once
constexpr std::uint64_t max_batch_size = std::uint64_t{16} << 20U;  // bytes of these
constexpr std::size_t chunk_size = 64;                              // files that a thread reads ahead
constexpr std::size_t chunks_ahead = 16;
constexpr std::size_t max_workers = 4;

}  // namespace

Result<void> Intake::read_files(std::span<const std::string> files) {
  ThreadPool workers(std::min(max_workers, (files.size() + chunk_size - 1) / chunk_size));
  std::deque<std::future<std::vector<ParsedFile>>> ahead;
  std::size_t submitted = 0;  // files
  for (std::size_t next = 0; next < files.size();) {
    while (submitted < files.size() && ahead.size() < chunks_ahead) {
      const auto chunk = files.subspan(submitted, std::min(chunk_size, files.size() - submitted));
      ahead.push_back(
          workers.submit([this, chunk] { return parse_ahead(chunk, settings_.parser, store_ != nullptr); }));
      submitted += chunk.size();
    }
    std::vector<ParsedFile> chunk = ahead.front().get();
    ahead.pop_front();
    for (ParsedFile& file : chunk) {
      const std::string& path = files[next++];
      if (!file) {
        TRY(read_one(path));
        continue;
      }
      for (ParsedInput& parsed : *file) TRY(add_parsed(parsed));
    }
  }
  return {};
}

Result<void> Intake::read_one(const std::string& path) {
  const std::string name = path == "-" ? "-" : printable(path);
  const auto source = mail::RandomAccessFile::open(path, tlsrpt::standard_input_limit);
  // A file can be read again later. A mail on standard input is lost unless it is sent again.
  if (!source && path == "-" && source.error().fault != Fault::data) return std::unexpected(source.error());
  if (!source) return add_rejected({.name = name}, source.error().message);
  if (path == "-") only_copy_ = &*source;
  const bool is_one_mail = path == "-" && !settings_.stdin_is_mailbox;
  warning_ = is_one_mail ? mailbox_warning(*source) : "";
  auto done = read_source(name, *source, is_one_mail);
  only_copy_ = nullptr;
  warning_.clear();
  return done;
}

Result<void> Intake::read_mail(const std::string& name, const mail::RandomAccessFile& mail) {
  only_copy_ = &mail;
  auto done = read_source(name, mail, true);
  only_copy_ = nullptr;
  return done;
}

Result<void> Intake::read_source(const std::string& name, const mail::RandomAccessFile& source,
                                 bool is_one_mail) {
  saved_as_.clear();
  Result<void> done;
  const auto whole = tlsrpt::for_each_document(
      source,
      [&](const tlsrpt::Location& location, const Result<ReadBytes>& document) {
        if (!done) return;  // the store failed, and would fail again
        Input input{.name = name, .message = location.message};
        if (location.is_bounce) {
          input = read_bounce(std::move(input), source, location);
          done = deliver(input);
          return;
        }
        done = document ? read_document(std::move(input), source, location, *document)
                        : add_rejected(std::move(input), document.error().message);
      },
      is_one_mail ? tlsrpt::FromLine::begins_mail : tlsrpt::FromLine::begins_mailbox);
  if (done && !whole) done = add_rejected({.name = name}, whole.error().message);
  return done;
}

Result<void> Intake::read_report(const std::string& name, std::string_view report) {
  const auto source = TRY(mail::RandomAccessFile::of(report, name));
  saved_as_.clear();
  only_copy_ = &source;
  auto done = read_document({.name = name}, source, {}, byte_reader(report));
  only_copy_ = nullptr;
  return done;
}

// A warning if standard input that is read as one mail seems to be a mailbox.
std::string Intake::mailbox_warning(const mail::RandomAccessFile& source) const {
  if (!mail::is_mbox(source.head())) return {};
  const auto several = mail::has_several_messages(source);
  if (!several.value_or(false)) return {};
  return "read as one mail, although a line \"From \" could begin another one; use --mbox for a mailbox";
}

Result<void> Intake::read_document(Input input, const mail::RandomAccessFile& source,
                                   const tlsrpt::Location& location, const ReadBytes& document) {
  TRY(begin_batch());
  Result<void> added;
  std::vector<tlsrpt::PolicyResult> policies;
  input = parser_.parse(std::move(input), source, location, document, [&](tlsrpt::PolicyResult&& policy) {
    if (store_ != nullptr && added) added = store_->add(policy);
    if (settings_.want_policies) policies.push_back(std::move(policy));
  });
  if (!added) return added;
  if (input.status == InputStatus::rejected) {
    if (store_ != nullptr) TRY(store_->drop());
    return deliver(input);
  }
  input.policies = std::move(policies);
  TRY(keep(input, parser_.take_packed()));
  return deliver(input);
}

Result<void> Intake::add_parsed(ParsedInput& parsed) {
  if (!is_report(parsed.input)) return deliver(parsed.input);
  TRY(begin_batch());
  if (store_ != nullptr) {
    for (const tlsrpt::PolicyResult& policy : parsed.policies) TRY(store_->add(policy));
  }
  TRY(keep(parsed.input, parsed.packed));
  if (settings_.want_policies) parsed.input.policies = std::move(parsed.policies);
  return deliver(parsed.input);
}

Result<void> Intake::keep(Input& input, std::string_view packed) {
  if (store_ == nullptr) return {};
  if (input.is_too_old) return store_->drop();
  const auto kept = TRY(store_->finish(
      {.head = input.head,
       .identity = input.identity,
       .packed = packed,
       .received = settings_.parser.now,
       .reporter = input.signer.empty() ? to_lower(input.head.organization_name) : input.signer,
       .authenticated = !input.signer.empty(),
       .report_domain = input.report_domain}));
  if (kept.addition == tlsrptdb::AddResult::refused) {
    input = reject({.name = input.name, .message = input.message}, kept.reason);
    return {};
  }
  if (kept.addition != tlsrptdb::AddResult::added) input.status = InputStatus::duplicate;
  if (kept.addition == tlsrptdb::AddResult::conflicting) {
    input.warnings.push_back(
        kept.reason.empty() ? "its figures differ from those of the same report in the store" : kept.reason);
  }
  if (!is_first_time(kept.report)) input.failures = FailureDigest();
  return {};
}

// Whether the report with this number in the store was not read before in this run.
bool Intake::is_first_time(std::int64_t report) {
  const auto bit = static_cast<std::size_t>(report) % seen_bits;
  auto& bits = seen_[report - static_cast<std::int64_t>(bit)];
  const bool is_first = !bits[bit];
  bits.set(bit);
  return is_first;
}

Result<void> Intake::begin_batch() {
  if (store_ == nullptr || in_batch_) return {};
  auto begun = store_->begin();
  in_batch_ = begun.has_value();
  return begun;
}

Result<void> Intake::deliver(Input& input) {
  if (input.status == InputStatus::bounce && settings_.on_bounce) {
    TRY(finish());
    TRY(settings_.on_bounce(input));
  }
  if (input.status == InputStatus::rejected && only_copy_ != nullptr &&
      !settings_.rejected_directory.empty()) {
    if (saved_as_.empty()) TRY(save_rejected(input));
    input.saved_as = saved_as_;
  }
  if (!warning_.empty()) input.warnings.push_back(warning_);
  listener_.on_input(input);
  pending_ += 1 + input.policies.size();
  const bool is_much =
      pending_ >= max_batch_inputs || (in_batch_ && store_->uncommitted_size() >= max_batch_size);
  return is_much ? finish() : Result<void>();
}

Result<void> Intake::finish() {
  if (std::exchange(in_batch_, false)) TRY(store_->commit());
  pending_ = 0;
  return listener_.on_commit();
}

// A rejected input of which there is no other copy is saved.
Result<void> Intake::save_rejected(Input& input) {
  const std::uint64_t max_size = settings_.max_rejected_size / rejected_share;
  if (only_copy_->size() > max_size) {
    input.warnings.push_back(
        fmt::format("not saved: it has {} bytes, and one mail may have {} of "
                    "report.max_rejected_size",
                    only_copy_->size(), max_size));
    return {};
  }
  saved_as_ = TRY(save_rejected_file(*only_copy_, {.directory = settings_.rejected_directory,
                                                   .max_size = settings_.max_rejected_size,
                                                   .now = settings_.parser.now}));
  return {};
}

Result<void> read_inputs(Intake& intake, std::span<const fs::path> inputs) {
  for (std::size_t at = 0; at < inputs.size();) {
    // Consecutive files are read ahead together.
    std::vector<std::string> files;
    std::error_code ignored;
    for (; at < inputs.size() && (inputs[at] == "-" || !fs::is_directory(inputs[at], ignored)); ++at)
      files.push_back(inputs[at]);
    TRY(intake.read_files(files));
    if (at == inputs.size()) break;
    const fs::path& directory = inputs[at++];
    const auto entries = mail::list_mails(directory);
    TRY(entries ? intake.read_files(*entries)
                : intake.add_rejected({.name = printable(directory.string())}, entries.error().message));
  }
  return intake.finish();
}

}  // namespace starttls::report
