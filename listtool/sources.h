// The lists that a command was given: read, verified where keys are known, and judged by the clock.
//
// An expired list means nothing: mail to its domains goes out as if there were no list, and a person is told.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "minisign/verify.h"
#include "preload/list.h"

namespace starttls::listtool {

struct Common;
struct SignatureOptions;

struct Source {
  std::string name;  // the file's name without ".json"; no other list has it
  std::string path;  // as it was given
  preload::List list;
  std::optional<minisign::Verified> verified;  // none where no key was given
  std::optional<Error> expired;                // then nothing is taken from it
};

// Fault::usage where a key on the command line is none, Fault::data where a key file is none.
Result<std::vector<minisign::PublicKey>> read_keys(const SignatureOptions& options);

// The signature in a file. Fault::data where there is none, or something else: what it signs cannot be
// verified.
Result<minisign::Signature> read_signature(const std::filesystem::path& path);

// "list.json.minisig" for "list.json".
std::filesystem::path default_signature(const std::filesystem::path& file);

// All or nothing: the first list that cannot be read, fails verification, is no list or is from the far
// future is the error. An expired list is there, with its reason. Faults of single entries are told on
// standard error. Fault::usage where two files would be lists of one name.
Result<std::vector<Source>> read_sources(const Common& common, std::span<const std::filesystem::path> files,
                                         const SignatureOptions& options);

// For each domain, in their order, the entry that counts: that of the last list that has one and has not
// expired; and which source that is.
void each_policy(std::span<const Source> sources,
                 const std::function<void(const preload::Entry& entry, std::size_t source)>& each);

// Names the expired lists on standard error, also where warnings are not wanted, since somebody must see to
// them. Returns the exit status: that of Fault::data where there are any, else 0.
int tell_expired(std::span<const Source> sources);

}  // namespace starttls::listtool
