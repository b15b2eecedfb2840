// starttls-listtool publish keys: keys.json, version by version. It needs no secret root key: the holder of one signs with
// minisign(1), on a machine without a network, and brings the signature.

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <string>
#include <vector>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "listtool/commands.h"
#include "listtool/publish/key_files.h"
#include "listtool/publish/publisher.h"
#include "minisign/key.h"

namespace starttls::listtool::publish {
namespace {

namespace fs = std::filesystem;
using minisign::PublicKey;

constexpr unsigned max_days = 3'650;

// The text of a key, or a file with one.
Result<PublicKey> read_key(const std::string& text) {
  if (auto key = minisign::parse_key(text)) return key;
  const std::string content = TRY(read_file(text, minisign::key_file_size_limit));
  return with_context(minisign::parse_key_file(content), "{}", printable(text));
}

Result<std::vector<PublicKey>> read_keys(const std::vector<std::string>& texts) {
  std::vector<PublicKey> keys;
  keys.reserve(texts.size());
  for (const std::string& text : texts) keys.push_back(TRY(read_key(text)));
  return keys;
}

// What the holders of the root keys have to do with a draft.
std::string instructions(const Context& context, const KeyVersion& draft) {
  const std::string file = draft.file.filename().string();
  std::string text = fmt::format(
      "Version {} waits for signatures of its root keys. With each of them, on its own machine:\n\n",
      draft.keyring.version);
  text += fmt::format("    minisign -Sm {} -s ROOT.key\n\n", file);
  text += fmt::format(
      "and here, with the signature that it has made:\n\n"
      "    {}\n",
      command_line(context, fmt::format("keys sign {}.minisig", file)));
  return text;
}

Result<void> write(const Context& context, Publisher& publisher, const keyring::Keyring& keyring) {
  const fs::path file = TRY(write_draft(publisher.layout(), keyring));
  TRY(print(fmt::format("{}\n", printable(file.string()))));
  if (context.quiet) return {};
  return print("\n" + instructions(context, {.keyring = keyring, .file = file}));
}

Result<KeyVersions> versions_of(const Publisher& publisher) {
  return read_key_versions(publisher.layout(), publisher.settings().name);
}

// The newest version, to be changed into the next one.
Result<keyring::Keyring> next_version(const Publisher& publisher, unsigned days) {
  const KeyVersions versions = TRY(versions_of(publisher));
  if (versions.newest() == nullptr) {
    return fail(Fault::usage, "{}",
                versions.draft ? "version 1 is not signed yet"
                               : fmt::format("there are no keys yet: '{}'",
                                             command_line(publisher.context(), "keys init")));
  }
  keyring::Keyring next = versions.newest()->keyring;
  ++next.version;
  next.created = publisher.context().now;
  next.expires = publisher.context().now + std::chrono::days(days);
  return next;
}

struct Values {
  std::vector<std::string> roots;
  std::vector<std::string> online;
  unsigned threshold = 0;   // 0: as before
  unsigned signatures = 0;  // 0: as before
  unsigned days = 365;
  unsigned online_days = 100;
  std::vector<std::string> revoked;
  std::vector<fs::path> files;
};

void declare_days(Options& options, Values& values) {
  options.option("--days", values.days, "DAYS", "How long keys.json is valid (default: 365)")
      .range(1U, max_days);
}

void declare_online(Options& options, Values& values) {
  options.repeated("--online", values.online, "KEY", "Public key that signs the list, or its file");
  options
      .option("--online-days", values.online_days, "DAYS", "How long an online key is valid (default: 100)")
      .range(1U, max_days);
}

void declare_keys(Options& options, Values& values) {
  options.repeated("--root", values.roots, "KEY", "Public root key, or its file");
  declare_online(options, values);
  options.option("--threshold", values.threshold, "K", "Root keys that must sign keys.json")
      .range(1U, static_cast<unsigned>(keyring::max_keys));
  options.option("--signatures", values.signatures, "N", "Online keys that must sign the list")
      .range(1U, static_cast<unsigned>(keyring::max_keys));
  declare_days(options, values);
}

Result<void> change(const Values& values, Time now, keyring::Keyring& keyring) {
  if (!values.roots.empty()) keyring.root.keys = TRY(read_keys(values.roots));
  if (values.threshold > 0) keyring.root.threshold = values.threshold;
  if (values.signatures > 0) keyring.threshold = values.signatures;
  for (const PublicKey& key : TRY(read_keys(values.online))) {
    std::erase_if(keyring.signing, [&key](const keyring::SigningKey& each) { return each.key.id == key.id; });
    keyring.signing.push_back(
        {.key = key, .from = now, .until = now + std::chrono::days(values.online_days)});
  }
  // Those whose time is over need not be named any more.
  std::erase_if(keyring.signing, [now](const keyring::SigningKey& each) { return each.until <= now; });
  if (keyring.root.threshold > keyring.root.keys.size()) {
    return fail(Fault::usage, "--threshold is {}, and there are {} root keys", keyring.root.threshold,
                keyring.root.keys.size());
  }
  if (keyring.threshold > keyring.signing.size()) {
    return fail(Fault::usage, "{} keys must sign the list, and there are {}", keyring.threshold,
                keyring.signing.size());
  }
  return {};
}

Result<int> run_init(const Values& values, const Context& context) {
  if (values.roots.empty() || values.online.empty())
    return fail(Fault::usage, "--root and --online are needed, each once or more");
  Publisher publisher = TRY(Publisher::open(context));
  const KeyVersions versions = TRY(versions_of(publisher));
  if (versions.newest() != nullptr) {
    return fail(Fault::usage, "there are keys already: '{}' makes another version",
                command_line(context, "keys rotate"));
  }
  keyring::Keyring keyring{.list = publisher.settings().name,
                           .version = 1,
                           .created = context.now,
                           .expires = context.now + std::chrono::days(values.days)};
  TRY(change(values, context.now, keyring));
  TRY(write(context, publisher, keyring));
  return 0;
}

Result<int> run_rotate(const Values& values, const Context& context) {
  Publisher publisher = TRY(Publisher::open(context));
  keyring::Keyring keyring = TRY(next_version(publisher, values.days));
  TRY(change(values, context.now, keyring));
  TRY(write(context, publisher, keyring));
  return 0;
}

void declare_revoke(Options& options, Values& values) {
  options.arguments("KEYID", values.revoked, "Online keys, as minisign shows their ids").required();
  declare_online(options, values);
  declare_days(options, values);
}

// Whether a text is the id of a key. minisign(1) prints it without leading zeros.
bool is_id(std::string_view text, const minisign::KeyId& id) {
  const std::string digits = minisign::to_string(id);
  return text == digits ||
         text == std::string_view(digits).substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

Result<int> run_revoke(const Values& values, const Context& context) {
  Publisher publisher = TRY(Publisher::open(context));
  keyring::Keyring keyring = TRY(next_version(publisher, values.days));
  for (const std::string& id : values.revoked) {
    const std::size_t erased = std::erase_if(
        keyring.signing, [&id](const keyring::SigningKey& each) { return is_id(id, each.key.id); });
    if (erased == 0)
      return fail(Fault::usage, "{} is no online key of version {}", printable(id), keyring.version - 1);
  }
  if (keyring.signing.size() + values.online.size() < keyring.threshold)
    return fail(Fault::usage, "then too few keys are left: name a new one, too: --online KEY");
  TRY(change(values, context.now, keyring));
  TRY(write(context, publisher, keyring));
  return 0;
}

void declare_sign(Options& options, Values& values) {
  options.arguments("SIGNATURE", values.files,
                    "Signatures of the newest version, made by minisign (default: say what is to be done)");
}

Result<int> run_sign(const Values& values, const Context& context) {
  const Publisher publisher = TRY(Publisher::open(context));
  KeyVersions versions = TRY(versions_of(publisher));
  if (!versions.draft) {
    if (!values.files.empty()) return fail(Fault::usage, "no version waits for signatures");
    TRY(print("no version waits for signatures\n"));
    return 0;
  }
  for (const fs::path& file : values.files) TRY(add_signature(versions, file));
  versions = TRY(versions_of(publisher));
  if (!versions.draft) {
    TRY(print(
        fmt::format("version {} is in use from the next run on\n", versions.newest()->keyring.version)));
    return 0;
  }
  TRY(print(fmt::format("{}\n\n{}", versions.draft->unsigned_because->message,
                        instructions(context, *versions.draft))));
  return 1;
}

}  // namespace

Command keys_init_command() {
  return make_command(
      {.name = "publish keys init",
       .summary = "Write the first keys.json, for the holders of the root keys to sign",
       .example = "starttls-listtool publish keys init --root a.pub --root b.pub --threshold 2 "
                  "--online online.pub"},
      declare_keys, run_init);
}
Command keys_rotate_command() {
  return make_command({.name = "publish keys rotate",
                       .summary = "Write the next keys.json, with other keys or a later end",
                       .example = "starttls-listtool publish keys rotate --online new.pub"},
                      declare_keys, run_rotate);
}
Command keys_revoke_command() {
  return make_command({.name = "publish keys revoke",
                       .summary = "Write the next keys.json, without an online key",
                       .example = "starttls-listtool publish keys revoke E7620F1842B4E81F --online new.pub"},
                      declare_revoke, run_revoke);
}
Command keys_sign_command() {
  return make_command({.name = "publish keys sign",
                       .summary = "Take signatures of root keys for the newest keys.json",
                       .example = "starttls-listtool publish keys sign keys.1.json.minisig"},
                      declare_sign, run_sign);
}

}  // namespace starttls::listtool::publish
