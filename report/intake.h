// Reads received reports from files, mailboxes, standard input and the network into the store.
#pragma once

#include <bitset>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "mail/random_access_file.h"
#include "report/parsing.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {

// One rejected mail may use this part of IntakeSettings::max_rejected_size, so that it does not displace all
// others.
inline constexpr std::uint64_t rejected_share = 8;

struct IntakeSettings {
  std::filesystem::path
      rejected_directory;  // for rejected inputs of which there is no other copy; empty: not saved
  std::uint64_t max_rejected_size = 0;  // bytes of all files there; the oldest are removed
  bool stdin_is_mailbox = false;        // whether standard input may be an mbox; else one mail
  ParserSettings parser;
  bool want_policies = false;  // whether Input::policies is filled
  // Called for each bounce, when nothing is uncommitted in the store; it may be empty.
  std::function<Result<void>(Input& bounce)> on_bounce;
};

// Called for each input, in their order.
struct InputListener {
  std::function<void(Input& input)> on_input;  // may add warnings
  // Called when every input since the last call is committed to the store.
  std::function<Result<void>()> on_commit;
};

// An invalid input is passed to the listener as rejected; errors are those of the store and of the listener. After an
// error nothing more may be read: what was not committed is not stored. Without a store nothing is stored, and nothing
// is a duplicate.
class Intake {
 public:
  // Settings and listener must outlive it.
  Intake(tlsrptdb::ReportStore* store, const IntakeSettings& settings, const InputListener& listener)
      : store_(store), settings_(settings), listener_(listener), parser_(settings.parser, store != nullptr) {}

  // Files, and standard input ("-"). Other threads read small files ahead. A large file is read in its turn, and is
  // never in memory as a whole.
  Result<void> read_files(std::span<const std::string> files);
  // One mail that came over the network. `name` is printable.
  Result<void> read_mail(const std::string& name, const mail::RandomAccessFile& mail);
  // A report without a mail, JSON or gzip, that came over the network. Anybody may have sent what looks like a mail
  // with authenticated fields, so it is never taken for one.
  Result<void> read_report(const std::string& name, std::string_view report);
  Result<void> add_rejected(Input input, const std::string& reason) {
    input = reject(std::move(input), reason);
    return deliver(input);
  }
  // Commits pending inputs.
  Result<void> finish();

 private:
  Result<void> read_one(const std::string& path);
  Result<void> read_source(const std::string& name, const mail::RandomAccessFile& source, bool is_one_mail);
  Result<void> read_document(Input input, const mail::RandomAccessFile& source,
                             const tlsrpt::Location& location, const ReadBytes& document);
  Result<void> add_parsed(ParsedInput& parsed);
  Result<void> keep(Input& input, std::string_view packed);
  bool is_first_time(std::int64_t report);
  Result<void> begin_batch();
  Result<void> deliver(Input& input);
  Result<void> save_rejected(Input& input);
  std::string mailbox_warning(const mail::RandomAccessFile& source) const;

  tlsrptdb::ReportStore* store_;
  const IntakeSettings& settings_;
  const InputListener& listener_;
  Parser parser_;
  // A bit for each report that this run has read: their numbers in the store are mostly consecutive. The key is the
  // number of the first bit.
  static constexpr std::size_t seen_bits = 1'024;
  std::map<std::int64_t, std::bitset<seen_bits>> seen_;
  bool in_batch_ = false;
  std::size_t pending_ = 0;  // inputs since the last commit, with their policies
  // While an input is read of which there is no other copy: standard input, or one from the network.
  const mail::RandomAccessFile* only_copy_ = nullptr;
  std::string saved_as_;  // the file where a rejected input was saved
  std::string warning_;   // about the current input as a whole; empty: none
};

// Reads the reports in files, on standard input, and in the files of directories and Maildirs, and commits them.
Result<void> read_inputs(Intake& intake, std::span<const std::filesystem::path> inputs);

}  // namespace starttls::report
