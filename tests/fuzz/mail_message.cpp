#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <string>

#include "base/file.h"
#include "fuzz.h"
#include "mail/mbox.h"
#include "mail/message.h"

using namespace starttls;

namespace {

// The parts are decoded content of the mail, and their number is within the limit.
void check_parts(const mail::RandomAccessFile& source, std::uint64_t begin, std::uint64_t end) {
  std::size_t parts = 0;
  std::size_t total = 0;
  (void)mail::for_each_part(source, begin, end, [&](const mail::Part& part) {
    fuzz::require(++parts <= mail::max_parts && !part.content_type.empty());
    std::string content(2 * (end - begin) + 100, '\0');
    const auto got = read_full(part.content, content);
    fuzz::require(got.has_value());
    total += *got;
  });
  // Incomplete Base64 is padded.
  fuzz::require(total <= end - begin + 2 * parts);
}

}  // namespace

// A file is read as one mail, and as a mailbox, whose messages follow each other.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const UniqueFd fd(::memfd_create("mail", MFD_CLOEXEC));
  fuzz::require(::ftruncate(fd.get(), 0) == 0 && ::lseek(fd.get(), 0, SEEK_SET) == 0);
  fuzz::require(write_all(fd.get(), fuzz::text_of(bytes, size)) == 0);
  const auto source = mail::RandomAccessFile::open(
      std::filesystem::path("/proc/self/fd") / std::to_string(fd.get()), 1U << 20U);
  fuzz::require(source && source->size() == size);
  check_parts(*source, 0, size);
  std::uint64_t last = 0;
  std::size_t messages = 0;
  const auto split = mail::for_each_message(*source, [&](std::uint64_t begin, std::uint64_t end) {
    fuzz::require(last <= begin && begin <= end && end <= size);
    last = end;
    ++messages;
    if (messages <= 10) check_parts(*source, begin, end);
  });
  fuzz::require(!mail::is_message(source->head()) || !mail::is_mbox(source->head()));
  const auto several = mail::has_several_messages(*source);
  fuzz::require(split && several && (messages < 2 || *several));
  return 0;
}
