#include "minisign/verified_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/text.h"
#include "base/try.h"

namespace starttls::minisign {

Result<VerifiedFile> VerifiedFile::open(const std::filesystem::path& path, std::string_view name,
                                        const Signature& signature, std::span<const PublicKey> keys,
                                        Legacy legacy, std::size_t limit, FileKind kind) {
  auto verification = TRY(Verification::begin(name, signature, keys, legacy));
  VerifiedFile file(path.string(), TRY(open_file(path, limit, kind)));
  struct stat info{};
  if (::fstat(file.fd_.get(), &info) != 0) return cannot_read(file.name_, errno);
  file.in_memory_ = !S_ISREG(info.st_mode);
  if (file.in_memory_) {
    file.whole_ = TRY(read_all(file.fd_.get(), limit, file.name_));
  }
  TRY(file.verify(std::move(verification), limit));
  return file;
}

// Reads from that byte on, up to a whole piece.
Result<std::size_t> VerifiedFile::read_at(std::span<char> into, std::size_t at) const {
  into = into.first(std::min(into.size(), piece_size));
  if (in_memory_)
    return std::string_view(whole_).substr(std::min(at, whole_.size())).copy(into.data(), into.size());
  std::size_t size = 0;
  while (size < into.size()) {
    const ssize_t got =
        ::pread(fd_.get(), into.data() + size, into.size() - size, static_cast<off_t>(at + size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return cannot_read(name_, errno);
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  return size;
}

Result<void> VerifiedFile::verify(Verification verification, std::size_t limit) {
  std::vector<char> piece(piece_size);
  for (;;) {
    const auto size = TRY(read_at(piece, size_));
    if (size == 0) break;
    size_ += size;
    if (size_ > limit) {
      return fail(Fault::data, "{}: larger than the limit of {} bytes", printable(name_), limit);
    }
    verification.add({piece.data(), size});
    const auto hash = TRY(verification.hash_so_far());
    hashes_.push_back(hash);
    if (size < piece_size) break;
  }
  verified_ = TRY(verification.finish());
  return {};
}

Result<std::size_t> VerifiedFile::read(std::span<char> into) {
  if (next_ == size_) return 0;
  const std::size_t wanted = std::min(size_ - next_, piece_size);
  const auto size = read_at(into.first(wanted), next_);
  if (!size) return size;
  again_.add({into.data(), *size});
  const auto hash = TRY(again_.so_far());
  if (*size != wanted || hash != hashes_[next_ / piece_size]) {
    return fail(Fault::data, "{}: changed while it was read, after its signature was checked",
                printable(name_));
  }
  next_ += *size;
  return size;
}

}  // namespace starttls::minisign
