// The lists that a command was given: read, verified where keys are known, and judged by the clock.
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
#include "minisign/verify.h"
#include "mtasts/policy.h"
#include "preload/list.h"

namespace starttls::listtool {

struct Context;
struct SignatureOptions;

// A source of policies, without its entries.
struct SourceFacts {
  enum class Kind {
    list,
    mta_sts,    // policies that their domains publish: see mta_sts_source.h
    overrides,  // the operator's own, which have no signature
  };
  Kind kind = Kind::list;
  std::string name;  // the file's name without ".json", or the configured one; no other source has it
  std::string path;  // as it was given
  Time timestamp;
  Time expires;
  std::optional<std::string> signed_by;  // "key A809E3FFB11E271C"; none where no key was given
  std::string digest;                    // of its bytes, BLAKE2b-512 in hexadecimal; "" where not verified
  std::optional<Error> unusable;         // it expired, say: then nothing is taken from it
};

// Not where a list is configured but was never installed: then it has no times and no signer, either.
bool is_installed(const SourceFacts& source);

struct Source {
  SourceFacts facts;
  preload::List list;
  // Of Kind::mta_sts: the policies that are enforced, by their domains.
  std::map<std::string, mtasts::Policy, std::less<>> mta_sts;
};

// Fault::usage where a key on the command line is none, Fault::data where a key file is none.
Result<std::vector<minisign::PublicKey>> read_keys(const SignatureOptions& options);

// The signature in a file. Fault::data where there is none, or something else: what it signs cannot be
// verified. `shown` is how sentences name the file; "": by its path.
Result<minisign::Signature> read_signature(const std::filesystem::path& path, const std::string& shown = {},
                                           FileKind kind = FileKind::regular);

// "list.json.minisig" for "list.json".
std::filesystem::path default_signature(const std::filesystem::path& file);

// A list in a file, and the file of its signature where there is one.
struct ListFiles {
  std::filesystem::path list;
  std::filesystem::path signature;
  std::string shown;            // how sentences name the list
  std::string shown_signature;  // "": by its path
  // Where gpgv has a directory while it runs; "": TMPDIR.
  std::filesystem::path scratch;
  FileKind kind = FileKind::regular;  // what the two files may be
};

// What else must hold of a good signature, such as its trusted comment. An error refuses the list.
using Accept = std::function<Result<void>(const minisign::Verified& verified)>;

// A list in a file, parsed once it is verified: not a byte of it before. Fault::data where it is not signed
// by one of the keys, is no list, or is from the far future. An expired list is there, with its reason.
// Faults of single entries are printed on standard error.
Result<Source> read_verified(const Context& context, const std::string& name, const ListFiles& files,
                             std::span<const minisign::PublicKey> keys, minisign::Legacy legacy,
                             const Accept& accept = {});

// The same without a signature, for callers who trust the file for another reason, or not at all.
Result<Source> read_unverified(const Context& context, const std::string& name, const ListFiles& files);

// The lists of a command line. All or nothing: the first list that read_verified() refuses is the error.
// Fault::usage where two files would be lists of one name.
Result<std::vector<Source>> read_sources(const Context& context, std::span<const std::filesystem::path> files,
                                         const SignatureOptions& options);

// The entry that counts for a domain, a view into its source.
struct Found {
  preload::Entry entry;
  std::size_t source;
};
std::optional<Found> find_policy(std::span<const Source> sources, std::string_view domain);

// For each domain, in their order, the entry that counts: that of the last usable source that
// has one; and which source that is.
void for_each_policy(std::span<const Source> sources,
                     const std::function<void(const preload::Entry& entry, std::size_t source)>& each);

// Names a source that cannot be used on standard error, also where warnings are not wanted, since an
// administrator must act. Returns the exit status: that of Fault::data where there are any, else 0.
int warn_unusable(const SourceFacts& source);
int warn_unusable(std::span<const Source> sources);

}  // namespace starttls::listtool
