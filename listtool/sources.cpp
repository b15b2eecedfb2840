#include "listtool/sources.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <future>
#include <map>
#include <vector>

#include "base/async.h"
#include "base/console.h"
#include "base/counted.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "listtool/context.h"
#include "listtool/signature_options.h"
#include "listtool/signers.h"
#include "preload/reader.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

std::string list_name(const fs::path& file) {
  return file.extension() == ".json" ? file.stem().string() : file.filename().string();
}

void tell_faults(const Context& context, const ListFiles& files, const preload::Reading& reading) {
  const std::string shown = printable(files.shown);
  if (context.verbose) {
    for (const auto& finding : reading.findings) warn(context, shown + ":" + to_string(finding));
  }
  const auto faults = reading.faults() + reading.suppressed;
  if (faults == 0) return;
  warn(context, fmt::format("{}: {} in single entries; what is faulty is left out ('starttls-listtool lint "
                            "list' shows it)",
                            shown, counted(faults, "fault")));
}

// The text of a list for the parser. The next piece is read at the same time, in another thread.
class ListText {
 public:
  // `pieces` fills its buffer as far as there is text, and must outlive this object.
  explicit ListText(const ReadBytes& pieces) : pieces_(pieces) {}

  Result<std::size_t> read(std::span<char> into) {
    if (left_.empty()) {
      TRY(next_piece());
    }
    const std::size_t size = left_.copy(into.data(), into.size());
    left_.remove_prefix(size);
    return size;
  }

 private:
  static constexpr std::size_t piece_size = minisign::VerifiedFile::piece_size;
  struct Piece {
    std::vector<char> bytes;
    Result<std::size_t> size = 0;
  };

  // Takes the piece that was read, and starts to read the next one.
  Result<void> next_piece() {
    if (at_end_) return {};
    // A short text is completely in the first piece. A thread for it would not save time.
    Piece piece = ahead_.valid() ? ahead_.get() : read_piece({});
    if (!piece.size) return std::unexpected(piece.size.error());
    std::swap(piece_, piece.bytes);
    left_ = {piece_.data(), *piece.size};
    at_end_ = left_.empty();
    if (at_end_) return {};
    auto next = [this, spare = std::move(piece.bytes)]() mutable { return read_piece(std::move(spare)); };
    ahead_ = left_.size() == piece_size ? run_async(std::move(next))
                                        : std::async(std::launch::deferred, std::move(next));
    return {};
  }

  Piece read_piece(std::vector<char> bytes) {
    bytes.resize(piece_size);
    auto size = pieces_(bytes);
    return {.bytes = std::move(bytes), .size = std::move(size)};
  }

  const ReadBytes& pieces_;
  std::vector<char> piece_;  // the piece that the parser reads
  std::string_view left_;    // of the piece
  bool at_end_ = false;
  std::future<Piece> ahead_;  // the last member: it is destroyed before what it uses
};

Result<Source> read_text(const Context& context, const std::string& name, const ListFiles& files,
                         const ReadBytes& pieces) {
  ListText text(pieces);
  auto reading = preload::read_list(files.shown, [&](std::span<char> into) { return text.read(into); });
  if (!reading.list) return std::unexpected(reading.list.error());
  tell_faults(context, files, reading);
  auto expired = preload::check_expired(*reading.list, context.now);
  if (const auto usable = preload::check_usable(*reading.list, context.now); !usable && !expired) {
    return fail(Fault::data, "{}: {}", printable(files.shown), usable.error().message);
  }
  Source source{.facts = {.name = name,
                          .path = files.list.string(),
                          .timestamp = reading.list->timestamp,
                          .expires = reading.list->expires},
                .list = std::move(*reading.list)};
  source.facts.unusable = std::move(expired);
  return source;
}

// An answer contains the name of its list, so each name must be unique.
Result<void> check_names_differ(std::span<const fs::path> files) {
  std::map<std::string, fs::path> names;
  for (const fs::path& file : files) {
    const auto [same, is_new] = names.emplace(list_name(file), file);
    if (is_new) continue;
    return fail(Fault::usage, "{} and {} would both be the list '{}': give one of them another name",
                printable(same->second.string()), printable(file.string()), printable(same->first));
  }
  return {};
}

}  // namespace

Result<std::vector<minisign::PublicKey>> read_keys(const SignatureOptions& options) {
  std::vector<minisign::PublicKey> keys;
  for (const std::string& text : options.keys) {
    const auto key = minisign::parse_key(text);
    if (!key) return fail(Fault::usage, "-P '{}': {}", printable(text, 100), key.error().message);
    keys.push_back(*key);
  }
  for (const fs::path& file : options.key_files) {
    const auto content = TRY(read_file(file, minisign::key_file_size_limit, FileKind::any));
    const auto key = minisign::parse_key_file(content);
    if (!key) return fail(Fault::data, "{}: {}", printable(file.string()), key.error().message);
    keys.push_back(*key);
  }
  return keys;
}

Result<minisign::Signature> read_signature(const fs::path& path, const std::string& shown, FileKind kind) {
  const auto content = read_file(path, minisign::signature_size_limit, kind);
  if (!content) {
    return fail(content.error().fault == Fault::permission ? Fault::permission : Fault::data,
                "no signature can be read: {}", content.error().message);
  }
  auto signature = minisign::parse_signature(*content);
  if (!signature) {
    return fail(Fault::data, "{}: no minisign signature: {}",
                shown.empty() ? printable(path.string()) : shown, signature.error().message);
  }
  return signature;
}

fs::path default_signature(const fs::path& file) {
  return file.string() + ".minisig";
}

Result<std::vector<minisign::Signature>> read_signatures(const ListFiles& files) {
  std::vector<minisign::Signature> signatures;
  signatures.push_back(TRY(read_signature(files.signature, files.shown_signature, files.kind)));
  for (const fs::path& file : files.further_signatures)
    signatures.push_back(TRY(read_signature(file, {}, files.kind)));
  return signatures;
}

Result<VerifiedList> open_verified(const ListFiles& files, std::span<const minisign::Signature> signatures,
                                   const Signers& signers, minisign::Legacy legacy, const Accept& accept) {
  auto file = TRY(minisign::VerifiedFile::open(files.list, files.shown, signatures.front(), signers.keys,
                                               legacy, preload::list_size_limit, files.kind));
  std::vector<minisign::Verified> all{file.verified()};
  for (const minisign::Signature& signature : signatures.subspan(1)) {
    all.push_back(TRY(minisign::verify_hash(files.shown, file.verified().content, signature, signers.keys)));
  }
  std::vector<std::string> names;
  for (const minisign::Verified& verified : all) {
    if (accept) {
      TRY(accept(verified));
    }
    const std::string name = key_name(verified.key_id);
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  if (names.size() < signers.required) {
    return fail(Fault::data, "{}: signed by {} of {}, of which {} must sign", printable(files.shown),
                names.size(), counted(signers.keys.size(), "key"), signers.required);
  }
  return VerifiedList{.file = std::move(file), .signed_by = fmt::format("{}", fmt::join(names, ", "))};
}

Result<Source> read_verified(const Context& context, const std::string& name, const ListFiles& files,
                             const Signers& signers, minisign::Legacy legacy, const Accept& accept) {
  const auto signatures = TRY(read_signatures(files));
  auto list = TRY(open_verified(files, signatures, signers, legacy, accept));
  auto source =
      TRY(read_text(context, name, files, [&](std::span<char> into) { return list.file.read(into); }));
  source.facts.signed_by = std::move(list.signed_by);
  source.facts.digest = minisign::to_hex(list.file.verified().content);
  return source;
}

Result<Source> read_unverified(const Context& context, const std::string& name, const ListFiles& files) {
  const auto fd = TRY(open_file(files.list, preload::list_size_limit, files.kind));
  const ReadBytes some = [&](std::span<char> into) { return read_some(fd.get(), into, files.list.string()); };
  return read_text(context, name, files, [&](std::span<char> into) { return read_full(some, into); });
}

Result<std::vector<Source>> read_sources(const Context& context, std::span<const fs::path> files,
                                         const SignatureOptions& options) {
  if (!options.signatures.empty() && !options.has_keys()) {
    return fail(Fault::usage, "--signature says nothing without a public key (-P or -p)");
  }
  if (!options.signatures.empty() && options.signatures.size() != files.size()) {
    return fail(Fault::usage, "{} but {}: give --signature for each list or for none",
                counted(files.size(), "list"), counted(options.signatures.size(), "signature"));
  }
  TRY(check_names_differ(files));
  const auto keys = TRY(read_keys(options));
  const auto legacy = options.allow_legacy ? minisign::Legacy::allow : minisign::Legacy::refuse;
  std::vector<Source> sources;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const fs::path signature =
        options.signatures.empty() ? default_signature(files[i]) : options.signatures[i];
    const std::string name = list_name(files[i]);
    if (std::error_code none; keys.empty() && fs::exists(signature, none)) {
      warn(context, fmt::format("{}: signature not checked: no public key given (-P or -p)",
                                printable(files[i].string())));
    }
    const ListFiles list{
        .list = files[i], .signature = signature, .shown = files[i].string(), .kind = FileKind::any};
    auto source = TRY(keys.empty() ? read_unverified(context, name, list)
                                   : read_verified(context, name, list, {.keys = keys}, legacy));
    sources.push_back(std::move(source));
  }
  return sources;
}

bool is_installed(const SourceFacts& source) {
  return source.expires != Time{};
}

std::optional<Found> find_policy(std::span<const Source> sources, std::string_view domain) {
  for (std::size_t index = sources.size(); index-- > 0;) {
    if (sources[index].facts.unusable) continue;
    if (const auto entry = sources[index].list.find(domain)) return Found{.entry = *entry, .source = index};
  }
  return std::nullopt;
}

void for_each_policy(std::span<const Source> sources,
                     const std::function<void(const preload::Entry& entry, std::size_t source)>& each) {
  const preload::List nothing;
  std::vector<const preload::List*> lists;
  lists.reserve(sources.size());
  for (const Source& source : sources) lists.push_back(source.facts.unusable ? &nothing : &source.list);
  preload::overlay(lists, each);
}

int warn_unusable(const SourceFacts& source) {
  if (!source.unusable) return 0;
  return report_error(
      program, {source.unusable->fault, fmt::format("{}: {}; no policy is taken from it",
                                                    printable(source.path), source.unusable->message)});
}

int warn_unusable(std::span<const Source> sources) {
  int status = 0;
  for (const Source& source : sources) {
    if (const int due = warn_unusable(source.facts); due != 0) status = due;
  }
  return status;
}

}  // namespace starttls::listtool
