// GMime finds the same parts in every mail of the seeds of the fuzz targets.
#include <algorithm>
#include <filesystem>
#include <ostream>

#include "gmime_peer.h"
#include "mail/mbox.h"
#include "mail/message.h"
#include "support.h"

namespace starttls::test {

static std::ostream& operator<<(std::ostream& stream, const PeerPart& part) {
  return stream << part.content_type << ": " << printable(part.content);
}

}  // namespace starttls::test

using namespace starttls;
using namespace starttls::test;

namespace {

std::vector<std::filesystem::path> files_below(const std::string& directory) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

std::vector<PeerPart> our_parts(const mail::RandomAccessFile& source, std::uint64_t begin,
                                std::uint64_t end) {
  std::vector<PeerPart> parts;
  good(mail::for_each_part(source, begin, end, [&](const mail::Part& part) {
    std::string content(end - begin + 100, '\0');
    content.resize(good(read_full(part.content, content)));
    parts.push_back({.content_type = part.content_type, .content = content});
  }));
  return parts;
}

void compare(const mail::RandomAccessFile& source, std::uint64_t begin, std::uint64_t end) {
  std::string mail(end - begin, '\0');
  mail.resize(good(source.read_at(begin, mail)));
  CHECK(our_parts(source, begin, end) == gmime_parts(mail));
}

}  // namespace

TEST_CASE("GMime finds the same parts in the mails of the parser tests") {
  std::size_t mails = 0;
  for (const std::string directory : {SEEDS "/mail_message", SEEDS "/tlsrpt_carrier"}) {
    for (const std::filesystem::path& file : files_below(directory)) {
      const auto source = good(mail::RandomAccessFile::open(file, 1'000'000));
      // Its base64 lacks the padding of its last four characters: GMime drops these, and so would lose a
      // report.
      if (file.filename() == "unclosed") continue;
      INFO(file.string());
      if (mail::is_message(source.head())) {
        ++mails;
        compare(source, 0, source.size());
      } else if (mail::is_mbox(source.head())) {
        good(mail::for_each_message(source, [&](std::uint64_t begin, std::uint64_t end) {
          ++mails;
          compare(source, begin, end);
        }));
      }
    }
  }
  CHECK(mails > 15);
}
