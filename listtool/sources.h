// The lists for a command: read, verified if keys are configured, and checked against the clock.
//
// An expired list has no effect: mail to its domains is sent as if there were no list, and a warning is
// printed.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/result.h"
#include "keyring/edition_mark.h"
#include "minisign/verified_file.h"
#include "minisign/verify.h"
#include "mtasts/policy.h"
#include "preload/list.h"

namespace starttls::listtool {

struct Context;
struct SignatureOptions;
struct Signers;

// A source of policies, without its entries.
struct SourceFacts {
  enum class Kind {
    list,
    mta_sts,    // policies that their domains publish: see mta_sts_source.h
    overrides,  // the operator's own, which have no signature
  };
  Kind kind = Kind::list;
  std::string name;  // the file's name without ".json", or the configured one; unique
  std::string path;  // as it was given
  Time timestamp;
  Time expires;
  std::optional<std::string> signed_by;      // as Edition::signed_by; none without a key
  std::string digest;                        // BLAKE2b-512 of its bytes, in hexadecimal; "" if not verified
  std::optional<keyring::EditionMark> mark;  // of its first signature, if it has one
  std::optional<Error> unusable;             // for example because it has expired; then it has no effect
};

// False if a list is configured but was never installed: then it has no times and no signer.
bool is_installed(const SourceFacts& source);

struct Source {
  SourceFacts facts;
  preload::List list;
  // With Kind::mta_sts: the enforced policies, by domain.
  std::map<std::string, mtasts::Policy, std::less<>> mta_sts;
};

// Fault::usage if a key on the command line is invalid, Fault::data if a key file is.
Result<std::vector<minisign::PublicKey>> read_keys(const SignatureOptions& options);

// Reads the signature in a file. Fault::data if there is no valid signature: then the list cannot be
// verified. `shown` is the name of the file in messages; "": its path.
Result<minisign::Signature> read_signature(const std::filesystem::path& path, const std::string& shown = {},
                                           FileKind kind = FileKind::regular);

// "list.json.minisig" for "list.json".
std::filesystem::path default_signature(const std::filesystem::path& file);

// A list in a file, and the files of its signatures if there are any.
struct ListFiles {
  std::filesystem::path list;
  std::filesystem::path signature;
  std::vector<std::filesystem::path> further_signatures;  // by other keys
  std::string shown;                                      // the name of the list in messages
  std::string shown_signature;                            // "": by its path
  // The parent of gpgv's temporary directory; "": TMPDIR.
  std::filesystem::path scratch;
  FileKind kind = FileKind::regular;  // what the two files may be
};

// Reads the signatures of a list, at least one. Fault::data as read_signature().
Result<std::vector<minisign::Signature>> read_signatures(const ListFiles& files);

// Other conditions for a good signature, for example on its trusted comment. An error rejects the list. Called for
// each signature.
using Accept = std::function<Result<void>(const minisign::Verified& verified)>;

struct VerifiedList {
  minisign::VerifiedFile file;
  std::string signed_by;  // as Edition::signed_by
};

// Fault::data if a signature does not fit, or fewer different ones of the signers than are required have signed.
Result<VerifiedList> open_verified(const ListFiles& files, std::span<const minisign::Signature> signatures,
                                   const Signers& signers, minisign::Legacy legacy,
                                   const Accept& accept = {});

// Reads a list in a file, and parses it only after open_verified(). Fault::data also if it is no list, or is from the
// far future. An expired list is returned with the reason. Errors in single entries are printed on standard error.
Result<Source> read_verified(const Context& context, const std::string& name, const ListFiles& files,
                             const Signers& signers, minisign::Legacy legacy, const Accept& accept = {});

// Does the same without a signature, for callers that trust the file for another reason, or do not trust it.
Result<Source> read_unverified(const Context& context, const std::string& name, const ListFiles& files);

// Reads the lists of a command line. The first list that read_verified() rejects is the error for all.
// Fault::usage if two files have the same list name.
Result<std::vector<Source>> read_sources(const Context& context, std::span<const std::filesystem::path> files,
                                         const SignatureOptions& options);

// The entry that counts for a domain, a view into its source.
struct Found {
  preload::Entry entry;
  std::size_t source;
};
std::optional<Found> find_policy(std::span<const Source> sources, std::string_view domain);

// Calls back for each domain, in their order, with the entry that counts (that of the last usable source that
// has one) and its source.
void for_each_policy(std::span<const Source> sources,
                     const std::function<void(const preload::Entry& entry, std::size_t source)>& each);

// Prints each unusable source on standard error, even if warnings are switched off, since an administrator
// must act. Returns the exit status: that of Fault::data if there are any, else 0.
int warn_unusable(const SourceFacts& source);
int warn_unusable(std::span<const Source> sources);

}  // namespace starttls::listtool
