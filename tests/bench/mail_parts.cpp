// mail-parts FILE...: finds and decodes the parts of each mail, with lib/mail and with GMime alternately, in
// this process. Prints microseconds for each mail (the median of the rounds), and ours divided by GMime's.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "base/console.h"
#include "base/file.h"
#include "gmime_peer.h"
#include "mail/message.h"

namespace {

using namespace starttls;

constexpr const char* program = "mail-parts";
constexpr int rounds = 9;
constexpr std::uint64_t bytes_a_round = std::uint64_t{4} << 20U;  // read again if the mail is small

// The bytes of all parts.
Result<std::uint64_t> ours(const std::string& file) {
  const auto source = mail::RandomAccessFile::open(file, mail::message_size_limit);
  if (!source) return std::unexpected(source.error());
  std::uint64_t size = 0;
  Result<void> read;
  const auto done = mail::for_each_part(*source, 0, source->size(), [&](const mail::Part& part) {
    std::string content(source->size(), '\0');
    const auto got = read_full(part.content, content);
    if (!got) read = std::unexpected(got.error());
    size += got.value_or(0);
  });
  if (!done) return std::unexpected(done.error());
  if (!read) return std::unexpected(read.error());
  return size;
}

Result<std::uint64_t> gmimes(const std::string& file) {
  const auto mail = read_file(file, mail::message_size_limit);
  if (!mail) return std::unexpected(mail.error());
  std::uint64_t size = 0;
  for (const test::PeerPart& part : test::gmime_parts(*mail)) size += part.content.size();
  return size;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

template <class Read>
Result<double> microseconds(Read read, const std::string& file, std::uint64_t times) {
  const auto begin = std::chrono::steady_clock::now();
  for (std::uint64_t time = 0; time < times; ++time) {
    if (const auto size = read(file); !size) return std::unexpected(size.error());
  }
  const std::chrono::duration<double, std::micro> all = std::chrono::steady_clock::now() - begin;
  return all.count() / static_cast<double>(times);
}

Result<void> compare(const std::string& file) {
  const auto mail = read_file(file, mail::message_size_limit);
  if (!mail) return std::unexpected(mail.error());
  const std::uint64_t times =
      std::max<std::uint64_t>(1, bytes_a_round / std::max<std::uint64_t>(mail->size(), 1'000));
  std::vector<double> our_times;
  std::vector<double> gmime_times;
  for (int round = 0; round < rounds; ++round) {
    const auto our_time = microseconds(ours, file, times);
    const auto gmime_time = microseconds(gmimes, file, times);
    if (!our_time) return std::unexpected(our_time.error());
    if (!gmime_time) return std::unexpected(gmime_time.error());
    our_times.push_back(*our_time);
    gmime_times.push_back(*gmime_time);
  }
  fmt::print("{}: {} bytes: {:.1f} us, GMime {:.1f} us, ratio {:.2f}\n", file, mail->size(),
             median(our_times), median(gmime_times), median(our_times) / median(gmime_times));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    fmt::print(stderr, "usage: {} FILE...\n", program);
    return 64;
  }
  for (int at = 1; at < argc; ++at) {
    if (const auto done = compare(argv[at]); !done) {
      fmt::print(stderr, "{}: {}\n", program, done.error().message);
      return done.error().exit_status();
    }
  }
  return 0;
}
