#include "listtool/configuration.h"

#include "preload/reader.h"
#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

const std::string key = "RWTF4yuwIAnmYbpPD5yPkSKKgETilaz2EDUjwK4iWzL18LYnsWSL6okf";
const std::string other_key = "RWT0ZcsxF33skkYw6puj0cvEk5/OPmPwP8bjgNmMCouN3LnZrMXIVfoq";

// In the same directory are key.pub, which is a key file, and text.pub, which is none.
Result<Configuration> configuration(const std::string& content) {
  const TemporaryFolder folder;
  write(folder / "key.pub", "untrusted comment: a key\n" + other_key + "\n");
  write(folder / "text.pub", "no key\n");
  write(folder / "listtool.toml", content);
  return read_configuration(folder / "listtool.toml");
}

// Without the directory's name in front.
std::string complaint(const std::string& content) {
  const Error error = bad(configuration(content));
  CHECK(error.fault == Fault::config);
  return error.message.substr(error.message.find("listtool.toml:") + 14);
}

std::string list_with(const std::string& members) {
  return "[[list]]\nname = 'a'\nfile = 'a.json'\nkeys = ['" + key + "']\n" + members;
}

std::string output_with(const std::string& members) {
  return "[[output]]\n" + members;
}

// The fault of [[list]] url = ...
std::string url_complaint(const std::string& url) {
  return complaint("[[list]]\nname = 'a'\nkeys = ['" + key + "']\nurl = \"" + url + "\"\n");
}

std::string name_complaint(const std::string& name) {
  return complaint("[[list]]\nname = '" + name + "'\nfile = 'a.json'\nkeys = ['" + key + "']\n");
}

// A list with these root keys.
std::string rooted(const std::string& members) {
  return "[[list]]\nname = 'a'\nfile = 'a.json'\nroot_keys = ['" + key + "', '" + other_key + "']\n" +
         members;
}

}  // namespace

TEST_CASE("an empty configuration is the default one") {
  const Configuration c = good(configuration(""));
  CHECK(c.state_dir == "/var/lib/starttls-toolkit/lists");
  CHECK(c.overrides.empty());
  CHECK(c.fetch.timeout == 60s);
  CHECK(c.fetch.connect_timeout == 10s);
  CHECK(c.fetch.max_size == std::size_t{256} << 20U);
  CHECK(c.fetch.max_redirects == 3);
  CHECK(c.fetch.ca_file.empty());
  CHECK(c.programs.postmap == "postmap");
  CHECK(c.programs.makemap == "makemap");
  CHECK(c.programs.gpgv == "gpgv");
  CHECK(c.lists.empty());
  CHECK(c.outputs.empty());
}

TEST_CASE("every key of the configuration outside lists and outputs is read") {
  const Configuration c = good(configuration(R"(
state_dir = "/s"
overrides = "/o"
[fetch]
timeout = 0.5
connect_timeout = 2
max_size = 1000
max_redirects = 0
ca_file = "/ca.pem"
[programs]
postmap = "/usr/sbin/postmap"
makemap = "mm"
gpgv = "gpgv2"
)"));
  CHECK(c.state_dir == "/s");
  CHECK(c.overrides == "/o");
  CHECK(c.fetch.timeout == 500ms);
  CHECK(c.fetch.connect_timeout == 2s);
  CHECK(c.fetch.max_size == 1000);
  CHECK(c.fetch.max_redirects == 0);
  CHECK(c.fetch.ca_file == "/ca.pem");
  CHECK(c.programs.postmap == "/usr/sbin/postmap");
  CHECK(c.programs.makemap == "mm");
  CHECK(c.programs.gpgv == "gpgv2");
}

TEST_CASE("every key of a list is read, and lists keep their order") {
  const Configuration c = good(configuration(R"(
[[list]]
name = "z.Sector_1-x"
url = "https://lists.example.org:8443/list.json?edition=1"
signature = "https://lists.example.org/list.json.minisig"
keys = [")" + key + R"("]
key_files = ["key.pub"]
allow_legacy = true
signed_file = "list-*.json"
require_signed_file = true
max_shrink = 100
[[list]]
name = "a"
file = "/lists/own.json"
signature = "/lists/own.asc"
openpgp_key_file = "/keys/own.gpg"
)"));
  REQUIRE(c.lists.size() == 2);
  const ListSettings& first = c.lists[0];
  CHECK(first.name == "z.Sector_1-x");
  CHECK(first.url == "https://lists.example.org:8443/list.json?edition=1");
  CHECK(first.file.empty());
  CHECK(first.signature == "https://lists.example.org/list.json.minisig");
  CHECK(is_url(first.signature));
  REQUIRE(first.keys.size() == 2);
  CHECK(first.keys[0].id == good(minisign::parse_key(key)).id);
  CHECK(first.keys[1].id == good(minisign::parse_key(other_key)).id);
  CHECK(first.openpgp_key_file.empty());
  CHECK(first.allow_legacy);
  CHECK(first.signed_file == "list-*.json");
  CHECK(first.require_signed_file);
  CHECK(first.max_shrink == 100);
  const ListSettings& second = c.lists[1];
  CHECK(second.name == "a");
  CHECK(second.url.empty());
  CHECK(second.file == "/lists/own.json");
  CHECK(second.signature == "/lists/own.asc");
  CHECK_FALSE(is_url(second.signature));
  CHECK(second.keys.empty());
  CHECK(second.openpgp_key_file == "/keys/own.gpg");
  CHECK_FALSE(second.allow_legacy);
  CHECK(second.max_shrink == 25);
  CHECK(second.signed_file.empty());
  CHECK_FALSE(second.require_signed_file);
}

TEST_CASE("a list is signed under the name in its URL or path, or as the configuration says") {
  const ListSettings url{.url = "https://lists.example.org/x/list%5B1%5D.json?v=1"};
  CHECK(signed_as(url, "list[1].json"));
  CHECK_FALSE(signed_as(url, "list1.json"));
  CHECK_FALSE(signed_as(url, "x/list[1].json"));
  CHECK_FALSE(signed_as(url, ""));
  const ListSettings file{.file = "/lists/own.json"};
  CHECK(signed_as(file, "own.json"));
  CHECK_FALSE(signed_as(file, "other.json"));
  const ListSettings pattern{.url = "https://lists.example.org/list.json", .signed_file = "sector-*.json"};
  CHECK(signed_as(pattern, "sector-2026-11-22.json"));
  CHECK_FALSE(signed_as(pattern, "list.json"));
  CHECK(signed_as({.url = "https://lists.example.org/?list=1"}, "anything"));
}

TEST_CASE("a place is shown without secrets") {
  CHECK(shown_origin("https://lists.example.org/list.json?token=secret") ==
        "https://lists.example.org/list.json");
  CHECK(shown_origin("/lists/what?.json") == "/lists/what?.json");
}

TEST_CASE("every key of an output is read") {
  const Configuration c = good(configuration(R"(
[[output]]
mta = "postfix"
file = "/etc/postfix/tls_policy"
type = "cdb"
early_adopter = true
postfix_version = "3.7.11"
next_hops = ["[SMTP.relay.example]:submission", "relay.example:587"]
command = ["postfix", "reload", ""]
[[output]]
mta = "sendmail"
file = "/etc/mail/sts"
type = "hash"
[[output]]
mta = "postfix"
file = "/etc/postfix/text"
[[output]]
mta = "sendmail"
file = "/etc/mail/text"
command = []
)"));
  REQUIRE(c.outputs.size() == 4);
  CHECK(c.outputs[0].server->name == "postfix");
  CHECK(c.outputs[0].file == "/etc/postfix/tls_policy");
  CHECK(c.outputs[0].type == "cdb");
  CHECK(c.outputs[0].early_adopter);
  CHECK(c.outputs[0].postfix_version == postfix::Version{.major = 3, .minor = 7});
  REQUIRE(c.outputs[0].next_hops.size() == 2);
  CHECK(c.outputs[0].next_hops[0].str() == "[smtp.relay.example]:submission");
  CHECK(c.outputs[0].next_hops[1].str() == "relay.example:587");
  CHECK(c.outputs[0].command == std::vector<std::string>{"postfix", "reload", ""});
  CHECK(c.outputs[1].server->name == "sendmail");
  CHECK(c.outputs[1].type == "hash");
  CHECK_FALSE(c.outputs[1].early_adopter);
  CHECK_FALSE(c.outputs[1].postfix_version);
  CHECK(c.outputs[2].type == "texthash");
  CHECK(c.outputs[3].type == "text");
  CHECK(c.outputs[3].command.empty());
}

TEST_CASE("a next-hop of an output is one with a policy domain, and for Postfix") {
  CHECK(complaint(
            output_with("mta = 'postfix'\nfile = '/m'\nnext_hops = ['relay.example', '[192.0.2.1]:25']\n"))
            .find("'next_hops' in [[output]] is no next-hop: '[192.0.2.1]:25' is an address") !=
        std::string::npos);
  CHECK(complaint(output_with("mta = 'sendmail'\nfile = '/m'\nnext_hops = ['relay.example']\n"))
            .find("'next_hops' in [[output]] is for Postfix only") != std::string::npos);
}

TEST_CASE("each type of map is valid for its mail server only") {
  for (const char* type : {"texthash", "cdb", "lmdb", "hash", "btree"}) {
    CHECK(good(configuration(output_with("mta = 'postfix'\nfile = '/m'\ntype = '"s + type + "'\n")))
              .outputs[0]
              .type == type);
  }
  for (const char* type : {"text", "hash", "access"}) {
    CHECK(good(configuration(output_with("mta = 'sendmail'\nfile = '/m'\ntype = '"s + type + "'\n")))
              .outputs[0]
              .type == type);
  }
  CHECK(complaint(output_with("mta = 'postfix'\nfile = '/m'\ntype = 'cbd'\n")) ==
        R"(4:8: 'type' in [[output]] is 'cbd'; it must be "texthash", "cdb", "lmdb", "hash" or "btree"; )"
        R"(did you mean "cdb"?)");
  CHECK(complaint(output_with("mta = 'sendmail'\nfile = '/m'\ntype = 'cdb'\n")) ==
        R"(4:8: 'type' in [[output]] is 'cdb'; it must be "text", "hash" or "access")");
}

TEST_CASE("relative paths start at the configuration's directory") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "keys");
  write(folder / "keys/a.pub", key + "\n");
  write(folder / "listtool.toml", R"(
state_dir = "state"
overrides = "./overrides"
[fetch]
ca_file = "../ca.pem"
[programs]
postmap = "bin/postmap"
[[list]]
name = "a"
file = "lists/a.json"
signature = "lists/a.sig"
key_files = ["keys/a.pub"]
[[list]]
name = "b"
file = "lists/b.json"
openpgp_key_file = "keys/b.gpg"
[[output]]
mta = "postfix"
file = "map"
command = ["bin/reload", "bin/x"]
)");
  const Configuration c = good(read_configuration(folder / "listtool.toml"));
  CHECK(c.state_dir == folder / "state");
  CHECK(c.overrides == folder / "overrides");
  CHECK(c.fetch.ca_file == folder.path().parent_path() / "ca.pem");
  CHECK(c.programs.postmap == folder / "bin/postmap");
  CHECK(c.lists[0].file == folder / "lists/a.json");
  CHECK(c.lists[0].signature == folder / "lists/a.sig");
  CHECK(c.lists[0].keys.size() == 1);
  CHECK(c.lists[1].openpgp_key_file == folder / "keys/b.gpg");
  CHECK(c.outputs[0].file == folder / "map");
  CHECK(c.outputs[0].command == std::vector<std::string>{(folder / "bin/reload").string(), "bin/x"});
}

TEST_CASE("a list without a key, or with two kinds of key, is an error with this reason") {
  CHECK(complaint("[[list]]\nname = 'a'\nfile = 'a.json'\n") ==
        "1:1: [[list]] 'a' has no key: give it 'keys', 'key_files', 'root_keys' or 'openpgp_key_file', "
        "because a "
        "list must not be used unless its signature is checked");
  CHECK(complaint("[[list]]\nname = 'a'\nfile = 'a.json'\nkeys = []\n").find("has no key") !=
        std::string::npos);
  CHECK(complaint(list_with("openpgp_key_file = 'a.gpg'\n")) ==
        "5:20: 'openpgp_key_file' in [[list]] does not go together with minisign keys: give one kind of key");
  CHECK(complaint("[[list]]\nname = 'a'\nfile = 'a'\nopenpgp_key_file = 'a.gpg'\nallow_legacy = true\n") ==
        "5:16: 'allow_legacy' in [[list]] is for minisign keys only");
  for (const std::string setting : {"signed_file = 'b'", "require_signed_file = true"}) {
    CHECK(complaint("[[list]]\nname = 'a'\nfile = 'a'\nopenpgp_key_file = 'a.gpg'\n" + setting + "\n")
              .ends_with("in [[list]] is for minisign keys only"));
  }
  CHECK(complaint("[[list]]\nname = 'a'\nurl = 'https://a.test/'\nsignature = 'https://a.test/s'\nkeys = ['" +
                  key + "']\nrequire_signed_file = true\n")
            .ends_with("needs 'signed_file', because 'url' names no file"));
}

TEST_CASE("root keys, and how many must have signed") {
  const Configuration c =
      good(configuration(rooted("threshold = 2\nsignatures = 3\nlist_name = 'sector'\n")));
  CHECK(c.lists[0].keys.empty());
  REQUIRE(c.lists[0].root_keys.size() == 2);
  CHECK(minisign::to_base64(c.lists[0].root_keys[1]) == other_key);
  CHECK(c.lists[0].threshold == 2);
  CHECK(c.lists[0].signatures == 3);
  CHECK(c.lists[0].list_name == "sector");
  CHECK(good(configuration(rooted(""))).lists[0].list_name == "a");
  CHECK(good(configuration(rooted(""))).lists[0].threshold == 1);
  const ListSettings two =
      good(configuration(list_with("key_files = ['key.pub']\nsignatures = 2\n"))).lists[0];
  CHECK(two.signatures == 2);
  CHECK(two.list_name.empty());
}

TEST_CASE(
    "root keys and signatures that do not go together with other settings are an error with this reason") {
  const auto in_list = [](std::string_view what) { return fmt::format("in [[list]] {}", what); };
  CHECK(complaint(rooted("keys = ['" + key + "']\n")) ==
        "4:13: 'root_keys' in [[list]] does not go together with 'keys' or 'key_files'");
  CHECK(complaint(rooted("key_files = ['key.pub']\n")).find("does not go together") != std::string::npos);
  CHECK(complaint(rooted("signature = 'a.minisig'\n"))
            .ends_with(in_list("does not go together with 'root_keys'")));
  CHECK(
      complaint(rooted("allow_legacy = true\n")).ends_with(in_list("does not go together with 'root_keys'")));
  CHECK(complaint(rooted("openpgp_key_file = 'a.asc'\n")).find("give one kind of key") != std::string::npos);
  CHECK(complaint(rooted("threshold = 3\n")).ends_with(in_list("is 3, but there are only 2 root keys")));
  CHECK(complaint(rooted("threshold = 0\n")).find("'threshold'") != std::string::npos);
  CHECK(complaint(rooted("signatures = 33\n")).find("'signatures'") != std::string::npos);
  CHECK(complaint(rooted("list_name = 'a b'\n")).find("it may have letters") != std::string::npos);
  CHECK(complaint("[[list]]\nname = 'a'\nfile = 'a'\nroot_keys = ['" + key + "', '" + key + "']\n")
            .ends_with(in_list("has a key twice")));
  CHECK(complaint(list_with("threshold = 2\n")).ends_with(in_list("is for 'root_keys' only")));
  CHECK(complaint(list_with("signatures = 2\n")).ends_with(in_list("is 2, but there are only 1 keys")));
  const std::string two = list_with("key_files = ['key.pub']\nsignatures = 2\n");
  CHECK(complaint(two + "signature = 'a.minisig'\n")
            .ends_with(in_list("is only for lists that one key signs")));
  CHECK(complaint(two + "allow_legacy = true\n").ends_with(in_list("is only for lists that one key signs")));
  CHECK(complaint("[[list]]\nname = 'a'\nfile = 'a'\nkeys = ['" + key + "', '" + key + "']\nsignatures = 2\n")
            .ends_with(in_list("has a key twice")));
  for (const std::string setting : {"signatures = 2", "list_name = 'b'"}) {
    CHECK(complaint("[[list]]\nname = 'a'\nfile = 'a'\nopenpgp_key_file = 'a.gpg'\n" + setting + "\n")
              .find("in [[list]] is ") != std::string::npos);
  }
}

TEST_CASE("an invalid key is an error at its place") {
  CHECK(complaint("[[list]]\nname = 'a'\nfile = 'a'\nkeys = ['" + key + "',\n  'RW']\n")
            .starts_with("5:3: 'keys' in [[list]] is wrong: a minisign public key is"));
  CHECK(complaint(list_with("key_files = ['text.pub']\n"))
            .starts_with("5:14: 'key_files' in [[list]] is wrong: "));
  CHECK(complaint(list_with("key_files = ['missing.pub']\n")).find("missing.pub: No such file") !=
        std::string::npos);
  CHECK(complaint(list_with("key_files = ['']\n")) == "5:14: 'key_files' in [[list]] names no file");
  CHECK(complaint(list_with("key_files = [\"key.pub\\u0000x\"]\n")).ends_with("has a NUL character in it"));
}

TEST_CASE("the name of a list is valid as a file name and unique") {
  CHECK(complaint("[[list]]\nfile = 'a'\n") ==
        "1:1: 'name' in [[list]] is missing: each list needs a name of its own");
  for (const char* name : {"a/b", "a b", "../a", "\xc3\xa4", "a:b"}) {
    CAPTURE(name);
    CHECK(name_complaint(name).find("it may have letters") != std::string::npos);
  }
  for (const char* name : {".", "..", ".a", "-a"}) {
    CAPTURE(name);
    CHECK(name_complaint(name) ==
          fmt::format("2:8: 'name' in [[list]] is '{}'; it may not begin with '.' or '-'", name));
  }
  CHECK(name_complaint("override").find("stands for your own overrides") != std::string::npos);
  CHECK(name_complaint(std::string(65, 'a')).ends_with("is longer than 64 characters"));
  CHECK(good(configuration("[[list]]\nname = '" + std::string(64, 'a') + "'\nfile = 'a'\nkeys = ['" + key +
                           "']\n"))
            .lists.size() == 1);
  CHECK(complaint(list_with("[[list]]\nname = 'a'\n")) ==
        "6:8: 'name' in [[list]] is 'a', which another list has");
}

TEST_CASE("a list comes from a URL or a file") {
  CHECK(complaint("[[list]]\nname = 'a'\nkeys = ['" + key + "']\n") ==
        "1:1: [[list]] 'a' has neither 'url' nor 'file'");
  CHECK(complaint(list_with("url = 'https://example.org/a.json'\n")) ==
        "3:8: 'file' in [[list]] does not go together with 'url'");
}

TEST_CASE("a URL is https with a host, and contains nothing hidden") {
  CHECK(url_complaint("http://example.org/") == "4:7: 'url' in [[list]] must begin with https://");
  CHECK(url_complaint("example.org/list.json").ends_with("must begin with https://"));
  CHECK(url_complaint("https:///list.json").ends_with("has no host"));
  CHECK(url_complaint("https://").ends_with("has no host"));
  CHECK(url_complaint("https://:443/").ends_with("has no host"));
  CHECK(url_complaint("https://?x").ends_with("has no host"));
  CHECK(url_complaint("https://user@example.org/").find("has a user name") != std::string::npos);
  CHECK(url_complaint("https://example.org\\\\@evil.test/").find("has a user name") != std::string::npos);
  for (const char* blank : {" ", "\\t", "\\n", "\\r", "\\u0000", "\\u007f"}) {
    CHECK(url_complaint("https://example.org/"s + blank + "x")
              .ends_with("has a blank or a control character in it"));
  }
  CHECK(url_complaint("https://b\xc3\xbc.test/x").find("outside ASCII") != std::string::npos);
  CHECK(url_complaint("https://example.org:99999/x").find("is not an https URL: ") != std::string::npos);
  CHECK(url_complaint("https://example.org/lists/?x")
            .ends_with("names no file, so 'signature' must be given, too"));
  CHECK(good(configuration("[[list]]\nname = 'a'\nurl = 'https://example.org/lists/'\nsignature = 'a.sig'\n"
                           "keys = ['" +
                           key + "']\n"))
            .lists.size() == 1);
  CHECK(complaint(list_with("signature = 'http://example.org/a.minisig'\n")) ==
        "5:13: 'signature' in [[list]] must begin with https://");
  CHECK(good(configuration("[[list]]\nname = 'a'\nurl = 'https://[::1]/@'\nkeys = ['" + key + "']\n"))
            .lists[0]
            .url == "https://[::1]/@");
}

TEST_CASE("an output names its mail server and its file") {
  CHECK(complaint(output_with("file = '/m'\n")) ==
        R"(1:1: 'mta' in [[output]] is missing: "postfix" or "sendmail" or "exim"?)");
  CHECK(complaint(output_with("mta = 'Postfix'\nfile = '/m'\n")) ==
        "2:7: 'mta' in [[output]] is 'Postfix'; it must be \"postfix\", \"sendmail\" or \"exim\"; "
        "did you mean \"postfix\"?");
  CHECK(complaint(output_with("mta = 'qmail'\nfile = '/m'\n"))
            .ends_with(R"(it must be "postfix", "sendmail" or "exim")"));
  CHECK(complaint(output_with("mta = 'postfix'\n")) ==
        "1:1: 'file' in [[output]] is missing: where is the map to go?");
  for (const char* folder : {"/etc/postfix/", ".", "x/..", "/"}) {
    CAPTURE(folder);
    CHECK(complaint(output_with("mta = 'postfix'\nfile = '"s + folder + "'\n")).ends_with("', a directory"));
  }
  CHECK(complaint(output_with("mta = 'postfix'\nfile = \"/m\\u0000\"\n"))
            .ends_with("has a NUL character in it"));
}

TEST_CASE("the version of Postfix is a valid version, and only for Postfix") {
  CHECK(complaint(output_with("mta = 'postfix'\nfile = '/m'\npostfix_version = 'new'\n")) ==
        "4:19: 'postfix_version' in [[output]] is wrong: 'new' is no Postfix version such as 3.7 or 3.7.11");
  CHECK(complaint(output_with("mta = 'sendmail'\nfile = '/m'\npostfix_version = '3.7'\n"))
            .ends_with("is for Postfix only"));
  CHECK(complaint(output_with("mta = 'postfix'\nfile = '/m'\npostfix_version = 3.7\n"))
            .ends_with("must be a text in quotes"));
}

TEST_CASE("a command starts with a program, and no part of it has a NUL") {
  const std::string output = "mta = 'postfix'\nfile = '/m'\n";
  CHECK(complaint(output_with(output + "command = ['', 'reload']\n")) ==
        "4:12: 'command' in [[output]] names no program");
  CHECK(
      complaint(output_with(output + "command = [\"a\\u0000b\"]\n")).ends_with("has a NUL character in it"));
  CHECK(complaint(output_with(output + "command = ['a', \"a\\u0000b\"]\n")) ==
        "4:17: 'command' in [[output]] has a NUL character in it");
  CHECK(complaint(output_with(output + "command = 'postfix reload'\n")).find("must be an array of texts") !=
        std::string::npos);
}

TEST_CASE("no output overwrites another one, or an input") {
  const auto postfix_to = [](const std::string& file) {
    return output_with("mta = 'postfix'\nfile = '" + file + "'\n");
  };
  CHECK(complaint(postfix_to("/m/x") + postfix_to("/m/./y/../x")) ==
        "6:8: 'file' in [[output]] is that of another output, too");
  CHECK(complaint(postfix_to("/m/x.cdb") + postfix_to("/m/x") + "type = 'cdb'\n") ==
        "6:8: 'file' in [[output]] is that of another output, too");
  CHECK(good(configuration(postfix_to("/m/x") + postfix_to("/m/x") + "type = 'cdb'\n")).outputs.size() == 2);
  CHECK(complaint(output_with("mta = 'postfix'\ntype = 'cdb'\nfile = '/m/x'\n") + postfix_to("/m/x.cdb")) ==
        "7:8: 'file' in [[output]] is that of another output, too");
  CHECK(complaint("overrides = 'o.cdb'\n" + output_with("mta = 'postfix'\ntype = 'cdb'\nfile = 'o'\n"))
            .ends_with("'file' in [[output]] is a file that is read, too, and would be overwritten"));
  for (const char* file : {"listtool.toml", "overrides", "a.json", "a.sig", "key.pub", "ca.pem"}) {
    CAPTURE(file);
    CHECK(complaint("overrides = 'overrides'\n[fetch]\nca_file = 'ca.pem'\n" +
                    list_with("signature = 'a.sig'\nkey_files = ['key.pub']\n") + postfix_to(file))
              .ends_with("'file' in [[output]] is a file that is read, too, and would be overwritten"));
  }
  CHECK(complaint("overrides = 'own.db'\n" + list_with("") + postfix_to("own") + "type = 'hash'\n")
            .ends_with("is a file that is read, too, and would be overwritten"));
}

TEST_CASE("limits have valid ranges") {
  CHECK(complaint("[fetch]\ntimeout = 0\n").find("2:11: 'fetch.timeout' is 0; it must be") == 0);
  CHECK(complaint("[fetch]\nconnect_timeout = 3600\n").find("must be a number of seconds") !=
        std::string::npos);
  CHECK(complaint("[fetch]\nmax_redirects = 11\n").ends_with("must be a whole number from 0 to 10"));
  CHECK(complaint("[fetch]\nmax_size = 536870913\n").ends_with("must be a whole number from 1 to 536870912"));
  CHECK(good(configuration("[fetch]\nmax_size = 536870912\n")).fetch.max_size == preload::list_size_limit);
  CHECK(complaint(list_with("max_shrink = 101\n")).ends_with("must be a whole number from 0 to 100"));
}

TEST_CASE("the settings for the examination of domains are read") {
  const Configuration c = good(configuration(R"(
[dns]
servers = ["192.0.2.1", "2001:db8::1@5353"]
resolv_conf = "etc/resolv.conf"
stub_zones = ["example.test 192.0.2.2@53 192.0.2.3", "test 127.0.0.1@5353"]
dnssec = false
trust_anchor = "/srv/root.key"
timeout = 1.5
[mta-sts]
cache = "sts.sqlite"
ca_file = "ca.pem"
https_port = 8443
private_addresses = true
timeout = 30
connect_timeout = 5
max_fetches = 50
max_fetches_per_address = 3
)"));
  CHECK(c.discovery.dns.servers == std::vector<std::string>{"192.0.2.1", "2001:db8::1@5353"});
  CHECK(c.discovery.dns.resolv_conf.is_absolute());
  REQUIRE(c.discovery.dns.stub_zones.size() == 2);
  CHECK(c.discovery.dns.stub_zones[0].zone == "example.test");
  CHECK(c.discovery.dns.stub_zones[0].servers == std::vector<std::string>{"192.0.2.2@53", "192.0.2.3"});
  CHECK_FALSE(c.discovery.dns.dnssec);
  CHECK(c.discovery.dns.trust_anchor == "/srv/root.key");
  CHECK(c.discovery.dns.timeout == 1500ms);
  CHECK(mta_sts_cache(c).filename() == "sts.sqlite");
  CHECK(mta_sts_cache(c).is_absolute());
  CHECK(c.discovery.policy_hosts.ca_file.filename() == "ca.pem");
  CHECK(c.discovery.policy_hosts.port == 8443);
  CHECK(c.discovery.policy_hosts.private_addresses);
  CHECK(c.discovery.policy_hosts.total == 30s);
  CHECK(c.discovery.policy_hosts.connect == 5s);
  CHECK(c.discovery.policy_hosts.max_concurrent == 50);
  CHECK(c.discovery.policy_hosts.max_per_address == 3);
}

TEST_CASE("by default the system's resolvers are asked, and no private addresses") {
  const Configuration c = good(configuration("state_dir = '/srv/state'\n"));
  CHECK(c.discovery.dns.servers.empty());
  CHECK(c.discovery.dns.resolv_conf == "/etc/resolv.conf");
  CHECK(c.discovery.dns.dnssec);
  CHECK(c.discovery.policy_hosts.port == 443);
  CHECK_FALSE(c.discovery.policy_hosts.private_addresses);
  CHECK(mta_sts_cache(c) == "/srv/state/mta-sts/cache.sqlite");
}

TEST_CASE("a resolver is an address, and a stub zone a name with resolvers") {
  for (const char* server : {"localhost", "192.0.2.1:53", "192.0.2.1@", "192.0.2.1@0", "192.0.2.1@65536", "",
                             "@53", "192.0.2", "192.0.2.1@53x"}) {
    CHECK_THAT(complaint("[dns]\nservers = ['192.0.2.9', '"s + server + "']\n"),
               Catch::Matchers::StartsWith("2:25: 'dns.servers' is '"s + server + "', not an address"));
  }
  for (const char* zone :
       {"", "example.test", "192.0.2.1", "bad..name 192.0.2.1", "example.test ns.example.test"}) {
    CHECK_THAT(complaint("[dns]\nstub_zones = ['"s + zone + "']\n"),
               Catch::Matchers::ContainsSubstring("not a zone and its servers"));
  }
}

TEST_CASE("the cache of MTA-STS policies is no output") {
  CHECK_THAT(complaint("[mta-sts]\ncache = 'map'\n[[output]]\nmta = 'postfix'\nfile = 'map'\n"),
             Catch::Matchers::ContainsSubstring("is a file that is read, too"));
}

TEST_CASE("the settings of serve are read, and have defaults") {
  const ServeSettings none = good(configuration("")).serve;
  REQUIRE(none.listen.size() == 2);
  CHECK(config::to_string(none.listen[0]) == "unix:/run/starttls-toolkit/socketmap.sock");
  CHECK(config::to_string(none.listen[1]) == "inet:127.0.0.1:8461");
  CHECK(none.socket_mode == 0660);
  CHECK_FALSE(none.metrics);
  CHECK(none.dane);
  const ServeSettings all =
      good(configuration("[serve]\nlisten = ['inet:[::1]:25']\nuser = 'u'\ngroup = 'g'\n"
                         "socket_mode = '0600'\nsocket_group = 's'\nmetrics = '127.0.0.1:1'\n"
                         "dane = false\nearly_adopter = true\npostfix_version = '3.7'\n"
                         "answer_timeout = 1.5\nidle_timeout = 2\nmax_connections = 3\n"
                         "max_domains = 4\nmax_lookups = 5\nlog = 'syslog'\n"
                         "log_level = 'debug'\n"))
          .serve;
  const auto more =
      good(configuration("[serve]\nlisten = ['default', 'inet:127.0.0.1:5461']\n")).serve.listen;
  REQUIRE(more.size() == 3);
  CHECK(config::to_string(more[2]) == "inet:127.0.0.1:5461");
  REQUIRE(all.listen.size() == 1);
  CHECK(config::to_string(all.listen[0]) == "inet:[::1]:25");
  CHECK(all.user + all.group + all.socket_group == "ugs");
  CHECK(all.log == LogTarget::syslog);
  CHECK(all.log_level == LogLevel::debug);
  CHECK(all.socket_mode == 0600);
  CHECK(config::to_string(*all.metrics) == "127.0.0.1:1");
  CHECK(*all.metrics == *config::parse_address("inet:127.0.0.1:1"));
  CHECK_FALSE(all.dane);
  CHECK(all.early_adopter);
  CHECK(all.postfix_version == postfix::Version{3, 7});
  CHECK(all.answer_timeout == std::chrono::milliseconds(1500));
  CHECK(all.idle_timeout == std::chrono::seconds(2));
  CHECK(all.max_connections == 3);
  CHECK(all.max_domains == 4);
  CHECK(all.max_lookups == 5);
}

TEST_CASE("settings that serve cannot use are reported with their place") {
  const auto wrong = [](const std::string& line, const std::string& what) {
    CHECK_THAT(complaint("[serve]\n" + line + "\n"),
               Catch::Matchers::StartsWith("2:") && Catch::Matchers::ContainsSubstring(what));
  };
  wrong("listen = ['inet:127.0.0.1:1', '/run/s']", "'serve.listen' is '/run/s', which has no host and port");
  wrong("metrics = '9461'", "'serve.metrics' is '9461', which has no host and port");
  wrong("metrics = 'inet:inet:127.0.0.1:1'", "'serve.metrics' is 'inet:inet:127.0.0.1:1', whose host");
  wrong("metrics = 'localhost:8461'\nlisten = ['inet:localhost:8461']", "where 'serve.listen' has");
  wrong("socket_mode = '0999'", "not an octal mode");
  wrong("socket_mode = '07777'", "not an octal mode");
  wrong("group = 'mail'", "'serve.group' is 'mail', which needs 'user'");
  wrong("postfix_version = 'new'", "'serve.postfix_version' is wrong");
  wrong("answer_timeout = 91", "answer_timeout");
  wrong("max_connections = 0", "max_connections");
  wrong("log = 'sylog'", R"(did you mean "syslog"?)");
  wrong("log_level = 'loud'", R"(it must be "debug", "info")");
  wrong("max_conections = 1", "did you mean 'serve.max_connections'?");
}

TEST_CASE("the settings of publish are read, and have defaults") {
  const TemporaryFolder folder;
  write(folder / "listtool.toml", R"(
[publish]
name = "sector"
url = "https://lists.example.org/"
author = "The sector"
directory = "list"
secret_keys = ["online.key", "/k/second.key"]
expires_days = 30
check_hours = 0
watch_days = 0
grace_days = 7
grace_checks = 1
doubting_reporters = 5
max_change = 100
max_unknown = 0
mail_from = "list@example.org"
mail = "smtp://mail.example.org"
keep_editions = 2
report_to = ["mailto:reports@example.org", "https://lists.example.org/reports"]
receive = "unix:/run/receive"
)");
  const PublishSettings publish = good(read_configuration(folder / "listtool.toml")).publish;
  CHECK(publish.name == "sector");
  CHECK(publish.url == "https://lists.example.org/");
  CHECK(publish.author == "The sector");
  CHECK(publish.directory == folder / "list");
  CHECK(publish.secret_keys == std::vector<std::filesystem::path>{folder / "online.key", "/k/second.key"});
  CHECK(publish.expires_days == 30);
  CHECK(publish.check_hours == 0);
  CHECK(publish.rules.watch_days == 0);
  CHECK(publish.rules.grace_days == 7);
  CHECK(publish.rules.grace_failures == 1);
  CHECK(publish.rules.doubting_reporters == 5);
  CHECK(publish.limits.max_change == 100);
  CHECK(publish.limits.max_unknown == 0);
  CHECK(publish.mail_from == "list@example.org");
  CHECK(publish.mail == "smtp://mail.example.org");
  CHECK(publish.keep_editions == 2);
  CHECK(publish.report_to.size() == 2);
  CHECK(publish.receive.path == "/run/receive");

  const PublishSettings none = good(configuration("")).publish;
  CHECK(none.name.empty());
  CHECK(none.directory == "/var/lib/starttls-toolkit/publish");
  CHECK(none.expires_days == 5);
  CHECK(none.mail == "smtp://127.0.0.1:25");
}

TEST_CASE("a setting that is missing because there is no file names that file") {
  CHECK(Configuration{}.error_at("publish.name", "is missing").message ==
        "'publish.name' is missing (there is no /etc/starttls-toolkit/listtool.toml)");
}

TEST_CASE("settings that publish cannot use are reported with their place") {
  const auto publish_complaint = [](const std::string& line) {
    return complaint("[publish]\n" + line + "\n");
  };
  CHECK(publish_complaint("name = 'a/b'").find("'publish.name'") != std::string::npos);
  CHECK(publish_complaint("url = 'http://lists.test/'") == "2:7: 'publish.url' must begin with https://");
  CHECK(publish_complaint("url = 'https://lists.test/list'") == "2:7: 'publish.url' must end with '/'");
  CHECK(publish_complaint("directory = ''") == "2:13: 'publish.directory' names no directory");
  CHECK(publish_complaint("secret_keys = ['']") == "2:16: 'publish.secret_keys' names no file");
  CHECK(publish_complaint("mail_from = 'The list <a@b.test>'") ==
        "2:13: 'publish.mail_from' is 'The list <a@b.test>', which is no mail address");
  CHECK(publish_complaint("report_to = ['a@b.test']") ==
        "2:14: 'publish.report_to' is 'a@b.test', which begins neither with 'mailto:' nor with 'https://'");
  CHECK(publish_complaint("mail = 'smtps://mail.example.org'").starts_with("2:8: 'publish.mail' is "));
  for (const char* line : {"expires_days = 1", "check_hours = 169", "grace_checks = 0", "max_change = 101",
                           "max_unknown = 101", "keep_editions = 1"}) {
    CAPTURE(line);
    CHECK(publish_complaint(line).starts_with("2:"));
  }
}

TEST_CASE("empty paths and programs are errors") {
  CHECK(complaint("state_dir = ''\n") == "1:13: 'state_dir' names no directory");
  CHECK(complaint("[programs]\ngpgv = ''\n") == "2:8: 'programs.gpgv' names no program");
  CHECK(good(configuration("overrides = ''\n")).overrides.empty());
}

TEST_CASE("a mistyped key or table is reported with the most similar one") {
  CHECK(complaint(list_with("maxshrink = 5\n")) ==
        "5:1: unknown key 'maxshrink' in [[list]]; did you mean 'max_shrink'?");
  CHECK(complaint("[[list]]\nname = 'a'\nfile = 'a'\nkey = ['x']\n").ends_with("did you mean 'keys'?"));
  CHECK(complaint("[[lists]]\nname = 'a'\n") == "1:3: unknown table [[lists]]; did you mean [[list]]?");
  CHECK(complaint("[list]\nname = 'a'\n").ends_with("written [[list]]"));
  CHECK(complaint("[[fetch]]\ntimeout = 1\n").ends_with("written [fetch]"));
  CHECK(complaint("statedir = '/s'\n").ends_with("did you mean 'state_dir'?"));
}

TEST_CASE("a missing configuration file is an error") {
  CHECK(bad(read_configuration("/nonexistent/listtool.toml")).fault == Fault::config);
}

TEST_CASE("the settings of the example configuration from [dns] on are valid") {
  std::istringstream example(read(STARTTLS_SOURCE "/packaging/listtool.toml"));
  std::string text;
  bool is_begun = false;
  std::size_t keys = 0;
  for (std::string line; std::getline(example, line);) {
    is_begun = is_begun || line == "#[dns]";
    // A sentence has a blank after its '#'.
    if (!is_begun || line.size() < 2 || line[0] != '#' || line[1] == ' ') continue;
    text += line.substr(1) + "\n";
    if (line[1] != '[') ++keys;
  }
  CHECK(keys == 55);
  const Configuration shown = good(configuration(text));
  CHECK(shown.discovery.dns.timeout == Configuration().discovery.dns.timeout);
  CHECK(shown.discovery.policy_hosts.total == Configuration().discovery.policy_hosts.total);
  CHECK(shown.discovery.policy_hosts.max_concurrent == Configuration().discovery.policy_hosts.max_concurrent);
  CHECK(mta_sts_cache(shown) == mta_sts_cache(Configuration()));
  CHECK(shown.serve.max_lookups == ServeSettings().max_lookups);
  CHECK(shown.serve.idle_timeout == ServeSettings().idle_timeout);
  CHECK(shown.publish.name == "sector");
}

TEST_CASE("the examples in the manual are valid configurations") {
  const std::string page = read(STARTTLS_SOURCE "/man/listtool.toml.5");
  const std::string begin = ".Bd -literal\n";
  std::size_t examples = 0;
  for (auto at = page.find(begin); at != page.npos; at = page.find(begin, at + 1)) {
    const TemporaryFolder folder;
    write(folder / "group.pub", key);
    write(folder / "group-next.pub", other_key);
    const auto start = at + begin.size();
    write(folder / "listtool.toml", page.substr(start, page.find("\n.Ed\n", start) - start));
    CHECK_FALSE(good(read_configuration(folder / "listtool.toml")).outputs.empty());
    ++examples;
  }
  CHECK(examples == 2);
}
