#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "fuzz.h"
#include "mail/message.h"
#include "tlsrpt/container.h"

using namespace starttls;

namespace {

// The documents of a carrier are within it, and their number is within the limit.
void check_documents(const mail::RandomAccessFile& source, tlsrpt::FromLine from_line) {
  const std::uint64_t size = source.size();
  std::uint64_t last_message = 0;
  std::size_t documents = 0;
  (void)tlsrpt::for_each_document(
      source,
      [&](const tlsrpt::Location& place, const Result<ReadBytes>& document) {
        const std::uint64_t message = place.message;
        fuzz::require(place.begin <= place.end && place.end <= size && place.is_mail == (place.end > 0));
        documents = message == last_message ? documents + 1 : 1;
        fuzz::require(message >= last_message && documents <= mail::max_parts);
        last_message = message;
        if (!document) return;
        std::string content(2 * size + 100, '\0');
        const auto got = read_full(*document, content);
        fuzz::require(got && *got <= size + 2);
      },
      from_line);
}

}  // namespace

// A file, or one mail on standard input.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const UniqueFd fd(::memfd_create("carrier", MFD_CLOEXEC));
  fuzz::require(::ftruncate(fd.get(), 0) == 0 && ::lseek(fd.get(), 0, SEEK_SET) == 0);
  fuzz::require(write_all(fd.get(), fuzz::text_of(bytes, size)) == 0);
  const auto source = mail::RandomAccessFile::open(
      std::filesystem::path("/proc/self/fd") / std::to_string(fd.get()), 1U << 20U);
  fuzz::require(source && source->size() == size);
  check_documents(*source, tlsrpt::FromLine::begins_mailbox);
  check_documents(*source, tlsrpt::FromLine::begins_mail);
  return 0;
}
