// Lists of several pieces, which are parsed while they are verified.

#include "listtool/sources.h"

#include "listtool/context.h"
#include "listtool/signature_options.h"
#include "listtool/signers.h"
#include "program.h"
#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;

namespace {

// Some three megabytes.
std::string long_list() {
  std::string text = R"({"timestamp": "2026-11-20T00:00:00Z", "expires": "2026-12-04T00:00:00Z",)"
                     R"("version": "0.1", "policies": {)";
  for (int i = 0; i < 40'000; ++i) {
    text += fmt::format("{}\n \"d{}.test\": {{\"mode\": \"enforce\", \"mxs\": [\"mx{}.test\"]}}",
                        i == 0 ? "" : ",", i, i);
  }
  return text + "\n}}\n";
}

// A directory with a list, its signature and the key.
struct Signed {
  TemporaryFolder folder;
  Context context;
  ListFiles files{.list = folder / "list", .signature = folder / "list.minisig", .shown = "the list"};
  std::vector<minisign::PublicKey> keys;

  explicit Signed(const std::string& content) {
    context.now = at("2026-11-22T12:00:00Z");
    context.quiet = true;
    if (run({"minisign", "-G", "-W", "-p", folder / "key.pub", "-s", folder / "key"}) != 0)
      FAIL("minisign -G");
    keys.push_back(good(minisign::parse_key_file(read(folder / "key.pub"))));
    write(files.list, content);
    if (run({"minisign", "-S", "-s", folder / "key", "-m", files.list, "-x", files.signature}) != 0) {
      FAIL("minisign -S");
    }
  }

  Result<Source> verdict() const {
    return read_verified(context, "name", files, {.keys = keys}, minisign::Legacy::refuse);
  }
};

}  // namespace

TEST_CASE("a long list is read while it is verified") {
  const Signed list(long_list());
  const Source source = good(list.verdict());
  CHECK(source.list.size() == 40'000);
  CHECK(source.facts.name == "name");
  CHECK(source.facts.signed_by == "key " + minisign::to_string(list.keys.front().id));
  CHECK_FALSE(source.facts.unusable);
  CHECK(source.list.find("d39999.test")->joined_mxs == "mx39999.test");
}

TEST_CASE("a changed byte anywhere in a long list causes the refusal of all of it") {
  const std::string content = long_list();
  const Signed list(content);
  for (const std::size_t at :
       {std::size_t{0}, std::size_t{1} << 20U, content.size() / 2, content.size() - 1}) {
    std::string changed = content;
    changed[at] = changed[at] == ' ' ? '\n' : ' ';
    write(list.files.list, changed);
    CAPTURE(at);
    // Also if it is no list any more: the signature is checked first, and decides whose mistake it is.
    CHECK(bad(list.verdict()).message.starts_with("the list: the signature by key "));
  }
  write(list.files.list, content);
  CHECK(list.verdict());
}

TEST_CASE("a signed file that is no list is reported as such, wherever the parser stopped") {
  for (const std::size_t size :
       {std::size_t{10}, std::size_t{1} << 20U, (std::size_t{1} << 20U) + 1, std::size_t{3} << 20U}) {
    CAPTURE(size);
    const Signed list("{]" + std::string(size - 2, ' '));
    CHECK(bad(list.verdict()).message.starts_with("the list:1:2: no JSON: "));
  }
}

TEST_CASE("as many different keys as are required must have signed a list") {
  Signed list(long_list());
  const Signed other(long_list());
  const auto verdict = [&](std::size_t required) {
    return read_verified(list.context, "name", list.files,
                         {.keys = {list.keys.front(), other.keys.front()}, .required = required},
                         minisign::Legacy::refuse);
  };
  CHECK(bad(verdict(2)).message == "the list: signed by 1 of 2 keys, of which 2 must sign");
  list.files.further_signatures = {list.files.signature};  // the same key
  CHECK(bad(verdict(2)).message == "the list: signed by 1 of 2 keys, of which 2 must sign");
  list.files.further_signatures = {other.files.signature};
  CHECK(good(verdict(2)).facts.signed_by == "key " + minisign::to_string(list.keys.front().id) + ", key " +
                                                minisign::to_string(other.keys.front().id));
  const Signed another(long_list() + "\n");
  list.files.further_signatures = {another.files.signature};
  CHECK(bad(verdict(1)).message.find("none of the known keys") != std::string::npos);
}

TEST_CASE("a list without a signature is reported as that, and a missing one is no list") {
  const Signed list(long_list());
  const Source source = good(read_unverified(list.context, "name", list.files));
  CHECK_FALSE(source.facts.signed_by);
  CHECK(source.list.size() == 40'000);
  CHECK(
      bad(read_unverified(list.context, "name", {.list = list.folder / "none", .signature = {}, .shown = ""}))
          .fault == Fault::io);
}
