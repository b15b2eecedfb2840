#include "mail/mbox.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;

namespace {

std::vector<std::string> messages_of(const std::string& content) {
  const TemporaryFolder folder;
  write(folder / "mbox", content);
  const auto source = good(mail::RandomAccessFile::open(folder / "mbox", 1'000'000));
  std::vector<std::string> messages;
  good(mail::for_each_message(source, [&](std::uint64_t begin, std::uint64_t end) {
    std::string message(end - begin, '\0');
    message.resize(good(source.read_at(begin, message)));
    messages.push_back(message);
  }));
  return messages;
}

using Messages = std::vector<std::string>;

}  // namespace

TEST_CASE("an mbox file is split if a From line follows an empty line") {
  CHECK(messages_of("From a@b.test Mon\nSubject: 1\n\none\n\nFrom c@d.test Tue\nSubject: 2\n\ntwo\n") ==
        Messages{"Subject: 1\n\none\n\n", "Subject: 2\n\ntwo\n"});
  CHECK(messages_of("From a\r\nX: 1\r\n\r\nFrom b\r\nX: 2\r\n") == Messages{"X: 1\r\n\r\n", "X: 2\r\n"});
  CHECK(messages_of("From a\nX: 1\nFrom the heart\n") == Messages{"X: 1\nFrom the heart\n"});
  CHECK(messages_of("From a\nX: 1\n\n>From b\n\nFrom:b\n") == Messages{"X: 1\n\n>From b\n\nFrom:b\n"});
  CHECK(messages_of("From a\n\nFrom b\n") == Messages{"\n", ""});
  CHECK(messages_of("From a\nno end") == Messages{"no end"});
  CHECK(messages_of("").empty());
}

TEST_CASE("an mbox file larger than one read is split, too") {
  std::string content;
  Messages expected;
  for (int number = 0; number < 300; ++number) {
    expected.push_back("X: " + std::string(static_cast<std::size_t>(number * 7), 'x') + "\n\n");
    content += "From a\n" + expected.back();
  }
  CHECK(messages_of(content) == expected);
}

TEST_CASE("an mbox file has several messages if a From line follows an empty one") {
  const auto several = [](const std::string& content) {
    const TemporaryFolder folder;
    write(folder / "mbox", content);
    return good(mail::has_several_messages(good(mail::RandomAccessFile::open(folder / "mbox", 1'000'000))));
  };
  CHECK(several("From a\nX: 1\n\none\n\nFrom b\nX: 2\n"));
  CHECK_FALSE(several("From a\nX: 1\nFrom b\n\n>From c\n"));
  CHECK_FALSE(several(""));
}

TEST_CASE("messages without an empty line between them are split at a From line with a date") {
  const Messages two{"X: 1\n\none\n", "X: 2\n\ntwo\n"};
  for (const std::string date :
       {"Fri Nov 27 03:00:00 2026", "Fri Nov  7 03:00:00 2026", "Fri Nov 27 03:00 2026",
        "Fri Nov 27 03:00:00 +0100 2026", "Fri Nov 27 03:00:00 2026 +0100", "Fri Nov 27 03:00:00 CET 2026"}) {
    const std::string line = "From tls@example.org " + date;
    CHECK(messages_of(line + "\nX: 1\n\none\n" + line + "\nX: 2\n\ntwo\n") == two);
  }
  const std::string long_sender = "From " + std::string(250, 's') + "@example.org Fri Nov 27 03:00:00 2026\n";
  CHECK(messages_of("From a\nX: 1\n\none\n" + long_sender + "X: 2\n\ntwo\n") == two);
  CHECK(messages_of("From a\r\nX: 1\r\n\r\none\r\nFrom - Fri Nov 27 03:00:00 2026\r\nX: 2\r\n") ==
        Messages{"X: 1\r\n\r\none\r\n", "X: 2\r\n"});
}

TEST_CASE("a sentence that begins with From does not start a message") {
  for (const std::string sentence :
       {"From Mon to Fri we are open", "From Fri Nov on", "From Fri Nov 27 it is 2026",
        "From Nov 27 03:00:00 2026", "From now on, Fri Nov 27 03:00:00"}) {
    const std::string message = "X: 1\n\none\n" + sentence + "\n";
    CHECK(messages_of("From a\n" + message) == Messages{message});
  }
}

TEST_CASE("a mail has several messages if a From line with a date is not its first line") {
  const auto several = [](const std::string& content) {
    const TemporaryFolder folder;
    write(folder / "mbox", content);
    return good(mail::has_several_messages(good(mail::RandomAccessFile::open(folder / "mbox", 1'000'000))));
  };
  const std::string line = "From a Fri Nov 27 03:00:00 2026\n";
  CHECK(several(line + "X: 1\n\none\n" + line));
  CHECK_FALSE(several(line + "X: 1\n\none\n"));
}
