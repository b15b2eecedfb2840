#include "keyring/keyring_handler.h"

#include <rapidjson/error/en.h>
#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/try.h"
#include "keyring/list_name.h"

namespace starttls::keyring {
namespace {

constexpr std::size_t max_depth = 8;
constexpr std::size_t max_shown = 100;  // characters of a text in a message

// A member in a path, in quotes if its name could be taken for a path.
std::string part_of_path(std::string_view member) {
  const bool is_plain = !member.empty() && member.find_first_of(".[]\"") == std::string_view::npos;
  return is_plain ? std::string(member) : fmt::format("\"{}\"", member);
}

// Each value comes with its path: "signing.keys[].from".
class Handler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, Handler> {
 public:
  bool StartObject() { return open(false); }
  bool EndObject(rapidjson::SizeType) {
    frames_.pop_back();
    return path() != "signing.keys[]" || finish_signing_key();
  }
  bool StartArray() { return open(true); }
  bool EndArray(rapidjson::SizeType) {
    frames_.pop_back();
    return true;
  }
  bool Key(const char* text, rapidjson::SizeType length, bool) {
    frames_.back().member = part_of_path({text, length});
    const std::string where = path();
    if (frames_.back().members.insert(frames_.back().member).second) return true;
    return refuse(where, "is there twice");
  }
  bool String(const char* text, rapidjson::SizeType length, bool) { return take_text({text, length}); }
  bool RawNumber(const char* text, rapidjson::SizeType length, bool) { return take_number({text, length}); }
  bool Default() { return known_kind().empty() || refuse_kind(); }

  std::optional<Error>& error() { return error_; }

  Result<Keyring> finish() {
    for (const std::string_view member : {"list", "version", "created", "expires", "root.threshold",
                                          "root.keys", "signing.threshold", "signing.keys"}) {
      if (!seen_.contains(std::string(member))) return fail(Fault::data, "{}: is missing", member);
    }
    TRY(check_threshold("root", keyring_.root.threshold, keyring_.root.keys.size()));
    TRY(check_threshold("signing", keyring_.threshold, keyring_.signing.size()));
    if (keyring_.expires <= keyring_.created) return fail(Fault::data, "expires: is not after created");
    return std::move(keyring_);
  }

 private:
  struct Frame {
    bool is_array;
    std::string member;             // the last one, as in a path
    std::set<std::string> members;  // of an object
  };

  std::string path() const {
    std::string text;
    for (const Frame& frame : frames_) {
      if (frame.is_array) {
        text += "[]";
      } else if (!frame.member.empty()) {
        text += (text.empty() ? "" : ".") + frame.member;
      }
    }
    return text;
  }

  // What kind of value is at the path; "" where the member is not known.
  std::string_view known_kind() const {
    const std::string where = path();
    if (where == "list" || where == "created" || where == "expires" || where == "root.keys[]" ||
        where == "signing.keys[].key" || where == "signing.keys[].from" || where == "signing.keys[].until")
      return "a text";
    if (where == "version" || where == "root.threshold" || where == "signing.threshold") return "a number";
    if (where == "root.keys" || where == "signing.keys") return "an array";
    if (where.empty() || where == "root" || where == "signing" || where == "signing.keys[]")
      return "an object";
    return "";
  }

  bool open(bool is_array) {
    const std::string_view kind = known_kind();
    if (!kind.empty() && kind != (is_array ? "an array" : "an object")) return refuse_kind();
    seen_.insert(path());
    if (path() == "signing.keys[]") signing_ = {};
    frames_.push_back({.is_array = is_array, .member = {}, .members = {}});
    return frames_.size() <= max_depth || refuse(path(), "is nested too deep");
  }

  bool take_text(std::string_view text) {
    const std::string where = path();
    if (known_kind() != "a text") return known_kind().empty() || refuse_kind();
    seen_.insert(where);
    if (where == "list") return take_list(text);
    if (where == "created") return take_time(text, keyring_.created);
    if (where == "expires") return take_time(text, keyring_.expires);
    if (where == "root.keys[]") return take_root_key(text);
    if (where == "signing.keys[].from") return take_time(text, signing_.from.emplace());
    if (where == "signing.keys[].until") return take_time(text, signing_.until.emplace());
    return take_key(text, signing_.key.emplace());
  }

  bool take_number(std::string_view text) {
    const std::string where = path();
    if (known_kind() != "a number") return known_kind().empty() || refuse_kind();
    seen_.insert(where);
    if (where == "version") return take_number(text, max_version, keyring_.version);
    return take_number(text, max_keys,
                       where == "root.threshold" ? keyring_.root.threshold : keyring_.threshold);
  }

  template <class Number>
  bool take_number(std::string_view text, std::uint64_t most, Number& number) {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 1 || value > most)
      return refuse(path(), fmt::format("is not a number from 1 to {}", most));
    number = value;
    return true;
  }

  bool take_list(std::string_view text) {
    if (const auto named = check_list_name(text); !named) return refuse("list", named.error().message);
    keyring_.list = text;
    return true;
  }

  bool take_time(std::string_view text, Time& time) {
    const auto parsed = parse_rfc3339(text);
    if (!parsed) return refuse(path(), parsed.error().message);
    time = *parsed;
    return true;
  }

  bool take_key(std::string_view text, minisign::PublicKey& key) {
    const auto parsed = minisign::parse_key(text);
    if (!parsed) return refuse(path(), parsed.error().message);
    key = *parsed;
    return true;
  }

  bool take_root_key(std::string_view text) {
    minisign::PublicKey key;
    if (!take_key(text, key)) return false;
    std::vector<minisign::PublicKey>& keys = keyring_.root.keys;
    if (keys.size() == max_keys) return refuse("root.keys", fmt::format("has more than {} keys", max_keys));
    if (std::ranges::find(keys, key.key, &minisign::PublicKey::key) != keys.end())
      return refuse("root.keys", fmt::format("has key {} twice", minisign::to_string(key.id)));
    keys.push_back(key);
    return true;
  }

  bool finish_signing_key() {
    if (!signing_.key || !signing_.from || !signing_.until)
      return refuse(path(), "needs a key, from and until");
    std::vector<SigningKey>& keys = keyring_.signing;
    if (keys.size() == max_keys)
      return refuse("signing.keys", fmt::format("has more than {} keys", max_keys));
    const auto is_same = [this](const SigningKey& each) { return each.key.key == signing_.key->key; };
    if (std::ranges::any_of(keys, is_same))
      return refuse("signing.keys", fmt::format("has key {} twice", minisign::to_string(signing_.key->id)));
    if (*signing_.until <= *signing_.from) return refuse(path() + ".until", "is not after from");
    keys.push_back({.key = *signing_.key, .from = *signing_.from, .until = *signing_.until});
    return true;
  }

  static Result<void> check_threshold(std::string_view role, std::size_t threshold, std::size_t keys) {
    if (threshold <= keys) return {};
    return fail(Fault::data, "{}.threshold: is {}, but there are only {} keys", role, threshold, keys);
  }

  bool refuse_kind() { return refuse(path(), fmt::format("is not {}", known_kind())); }
  bool refuse(std::string_view where, std::string_view why) {
    const std::string place = where.empty() ? "it" : printable(where, max_shown);
    error_ = Error{.fault = Fault::data, .message = fmt::format("{}: {}", place, why)};
    return false;
  }

  struct PartialKey {
    std::optional<minisign::PublicKey> key;
    std::optional<Time> from;
    std::optional<Time> until;
  };

  std::vector<Frame> frames_;
  std::set<std::string> seen_;  // paths
  PartialKey signing_;          // while it is read
  Keyring keyring_;
  std::optional<Error> error_;
};

}  // namespace

Result<Keyring> read_keyring(std::string_view text) {
  constexpr unsigned flags = rapidjson::kParseIterativeFlag | rapidjson::kParseValidateEncodingFlag |
                             rapidjson::kParseNumbersAsStringsFlag;
  rapidjson::MemoryStream stream(text.data(), text.size());
  rapidjson::Reader reader;
  Handler handler;
  const auto parsed = reader.Parse<flags>(stream, handler);
  if (handler.error()) return std::unexpected(std::move(*handler.error()));
  if (parsed.IsError()) {
    return fail(Fault::data, "at byte {}: {}", parsed.Offset(), rapidjson::GetParseError_En(parsed.Code()));
  }
  return handler.finish();
}

}  // namespace starttls::keyring
