#include "openpgp/verify.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <limits>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "base/file.h"
#include "base/subprocess.h"
#include "base/text.h"
#include "base/try.h"
#include "openpgp/armour.h"
#include "openpgp/public_keys.h"

namespace starttls::openpgp {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> cannot_write(const fs::path& path, int error) {
  return fail(write_fault(error), "{}: cannot write: {}", printable(path.string()), errno_text(error));
}

// A directory that only we can enter. It is removed with its content.
class PrivateDirectory {
 public:
  static Result<PrivateDirectory> in(const fs::path& parent) {
    std::string name = (parent / "openpgp-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) return cannot_write(parent, errno);
    return PrivateDirectory(name);
  }

  PrivateDirectory(PrivateDirectory&& other) noexcept : path_(std::exchange(other.path_, {})) {}
  PrivateDirectory& operator=(PrivateDirectory&&) = delete;
  PrivateDirectory(const PrivateDirectory&) = delete;
  PrivateDirectory& operator=(const PrivateDirectory&) = delete;
  ~PrivateDirectory() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }

  const fs::path& path() const { return path_; }

  Result<fs::path> write(std::string_view name, std::string_view content) const {
    fs::path path = path_ / name;
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!fd) return cannot_write(path, errno);
    if (const int error = write_all(fd.get(), content); error != 0) return cannot_write(path, error);
    return path;
  }

 private:
  explicit PrivateDirectory(fs::path path) : path_(std::move(path)) {}
  fs::path path_;
};

// Returns an absolute path, so that gpgv takes no name for an option or for standard input.
Result<fs::path> readable(const fs::path& path) {
  TRY(open_file(path, std::numeric_limits<std::size_t>::max()));
  std::error_code error;
  fs::path absolute = fs::absolute(path, error);
  if (!error) return absolute;
  return fail(error.value() == EACCES ? Fault::permission : Fault::io, "{}: {}", printable(path.string()),
              error.message());
}

Result<fs::path> scratch_folder(const fs::path& given) {
  std::error_code error;
  fs::path directory = fs::absolute(given.empty() ? fs::temp_directory_path(error) : given, error);
  if (!error) return directory;
  return fail(Fault::cannot_create, "no directory for temporary files: {}", error.message());
}

Result<Finished> run_gpgv(const fs::path& home, const fs::path& keys, const fs::path& signature,
                          const fs::path& file, const std::string& gpgv) {
  const Command command{// MD5 is refused in any case.
                        .argv = {gpgv, "--homedir", home, "--keyring", keys, "--weak-digest", "SHA1",
                                 "--weak-digest", "RIPEMD160", "--status-fd", "1", "--", signature, file},
                        .environment = {{"LC_ALL=C", "GNUPGHOME=" + home.string(), "HOME=" + home.string()}}};
  auto done = run_program(command);
  if (done) return done;
  if (done.error().fault == Fault::unavailable) {
    return fail(Fault::unavailable, "OpenPGP signatures need the program gpgv (package gpgv): {}",
                done.error().message);
  }
  // Too much output is no verdict on the signature.
  return fail(done.error().fault == Fault::data ? Fault::unavailable : done.error().fault,
              "the signature cannot be checked: {}", done.error().message);
}

Result<Verified> judge(const Finished& done, const std::vector<PublicKey>& keys) {
  if (done.timed_out || done.signal != 0) return fail(Fault::temporary, "gpgv {}", to_string(done));
  std::vector<std::string> known;
  known.reserve(keys.size());
  for (const PublicKey& key : keys) known.push_back(key.fingerprint);
  auto verified = parse_status(done.out, known);
  const bool gave_verdict = verified || verified.error().fault == Fault::data;
  if (gave_verdict && (!verified || done.exit_status == 0)) return verified;
  // gpgv has no status line for this case.
  if (!verified && done.err.find("not a detached signature") != std::string::npos) {
    return fail(Fault::data, "the signature's file is no detached signature");
  }
  return fail(Fault::unavailable, "the signature cannot be checked: gpgv {}: {}", to_string(done),
              printable(trim(done.err), 300));
}

}  // namespace

Result<Verified> verify_file(const fs::path& file, const fs::path& signature_file, const fs::path& key_file,
                             const fs::path& scratch, const std::string& gpgv, const std::string& shown) {
  const auto subject = TRY(readable(file));
  const auto signature = TRY(read_file(signature_file, signature_size_limit));
  const auto content = read_file(key_file, key_file_size_limit);
  if (!content) {
    const Error& error = content.error();
    return fail(error.fault == Fault::data ? Fault::config : error.fault, "{}", error.message);
  }
  const auto keys = keyring(*content);
  const auto known = keys ? public_keys(*keys) : std::unexpected(keys.error());
  if (!known) return fail(Fault::config, "{}: {}", printable(key_file.string()), known.error().message);

  const auto parent = TRY(scratch_folder(scratch));
  const auto directory = TRY(PrivateDirectory::in(parent));
  const auto keys_path = TRY(directory.write("keys", *keys));
  const auto signature_path = TRY(directory.write("signature", signature));

  const auto done = TRY(run_gpgv(directory.path(), keys_path, signature_path, subject, gpgv));
  auto verified = judge(done, *known);
  if (verified) {
    if (const auto strong = strong_enough(*verified, *known); !strong)
      verified = std::unexpected(strong.error());
  }
  return with_context(std::move(verified), "{}", printable(shown.empty() ? file.string() : shown));
}

}  // namespace starttls::openpgp
