#include "mail/delivery_status.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "base/file.h"
#include "fuzz.h"
#include "mail/bounce_text.h"

using namespace starttls;

namespace {

void check(const std::vector<mail::RecipientStatus>& recipients, std::size_t size) {
  fuzz::require(recipients.size() <= mail::max_bounced_recipients);
  std::size_t sum = 0;
  for (const mail::RecipientStatus& one : recipients) {
    fuzz::require(!one.original_address.empty() || !one.final_address.empty());
    for (const std::string& address : {one.original_address, one.final_address}) {
      fuzz::require(address.size() <= mail::max_bounced_address);
      fuzz::require(address.empty() || address.contains('@'));
      fuzz::require(address.find_first_of(" \t\r\n<>") == std::string::npos);
    }
    fuzz::require(one.status.size() <= 9);
    fuzz::require(std::ranges::none_of(one.action, [](char c) { return c >= 'A' && c <= 'Z'; }));
    fuzz::require(one.diagnostic.size() <= size);
    fuzz::require(!mail::is_permanent_failure(one) || one.action == "failed");
    sum += one.original_address.size() + one.final_address.size();
  }
  fuzz::require(sum <= size);
}

}  // namespace

void check(const mail::Bounce& bounce, std::size_t size) {
  check(bounce.recipients, size);
  fuzz::require(bounce.message_id.size() <= size);
}

// The bytes are the content of a status, a header, a text, and a whole bounce.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = fuzz::text_of(bytes, size);
  check(mail::parse_delivery_status(text), size);
  fuzz::require(mail::message_id_in(text).size() <= size);
  check(mail::parse_qmail_bounce(text), size);
  check(mail::parse_failed_recipients(text, text), size);
  static const UniqueFd fd(::memfd_create("bounce", MFD_CLOEXEC));
  fuzz::require(::ftruncate(fd.get(), 0) == 0 && ::lseek(fd.get(), 0, SEEK_SET) == 0);
  fuzz::require(write_all(fd.get(), text) == 0);
  const auto source = mail::RandomAccessFile::open(
      std::filesystem::path("/proc/self/fd") / std::to_string(fd.get()), 1U << 20U);
  fuzz::require(source && source->size() == size);
  if (const auto bounce = mail::read_bounce(*source, 0, size)) check(*bounce, size + 2);
  return 0;
}
