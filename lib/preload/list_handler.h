// Makes a list and findings from the events of RapidJSON's SAX reader. Internal to this component.
#pragma once

#include <rapidjson/rapidjson.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/finding.h"
#include "preload/checks.h"
#include "preload/entry.h"
#include "preload/list.h"
#include "preload/text_stream.h"

namespace starttls::preload {

// An event that returns false stops the reader, after refuse() with the reason. The stream, which the reader
// reads, and the checks must outlive the handler.
class ListHandler {
 public:
  ListHandler(TextStream& stream, const Checks& checks)
      : stream_(stream), checks_(checks), draft_(stream, checks) {}

  bool Null() { return scalar(Kind::other, {}); }
  bool Bool(bool) { return scalar(Kind::other, {}); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    return scalar(Kind::number, {text, size});
  }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    return sound({text, size}) && scalar(Kind::string, {text, size});
  }
  bool Key(const char* text, rapidjson::SizeType size, bool) {
    return sound({text, size}) && key({text, size});
  }
  bool StartObject() { return open(Kind::object); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool StartArray() { return open(Kind::array); }
  bool EndArray(rapidjson::SizeType) { return close(); }
  // The interface demands them, but numbers come as text.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

  void refuse(Position position, std::string message) {
    findings_.add(Severity::refused, position, {}, std::move(message));
    refused_ = true;
  }

  // At the end of the text: resolves aliases, checks for missing members, sorts the entries.
  void finish();

  bool refused() const { return refused_; }
  List take_list() { return std::move(builder_.list()); }
  Findings take_findings() { return std::move(findings_); }
  // The position of a member of the list itself; the beginning of the text where it is missing.
  Position position_of(std::string_view member) const;

 private:
  enum class Where { outside, root, aliases, policies, entry, mxs };
  struct Alias {
    bool stands;
    Mode mode;
    std::string joined_mxs;
  };
  struct Pending {  // an entry whose policy is an alias's
    std::string name;
    Position position;
    std::string alias;
  };
  struct Member {
    std::string_view name;
    bool required;
    std::optional<Position> position = std::nullopt;
  };

  bool key(std::string_view text);
  bool scalar(Kind kind, std::string_view text);
  bool open(Kind kind);
  bool close();
  void root_value(Kind kind, std::string_view text);
  void root_time(Kind kind, std::string_view text, std::optional<Time>& time);
  void no_policy();
  void drop(std::string_view name, Position position);
  void finish_entry();
  void add_alias(bool stands);
  void add(std::string_view name, Position position, Mode mode, std::string_view joined_mxs);
  void check_domain(std::string_view domain, std::string_view name, Position position);
  void resolve_aliases();
  void check_members();
  bool sound(std::string_view text);

  TextStream& stream_;
  const Checks& checks_;
  Where where_ = Where::outside;
  std::size_t depth_ = 0;
  std::size_t skipped_ = 0;  // depth inside a value that is not read
  std::string key_;
  Position key_position_;
  Position root_position_;

  std::array<Member, 6> members_{{{.name = "timestamp", .required = true},
                                  {.name = "expires", .required = true},
                                  {.name = "version", .required = true},
                                  {.name = "author", .required = false},
                                  {.name = "policy-aliases", .required = false},
                                  {.name = "policies", .required = true}}};
  static constexpr std::size_t aliases_member = 4;
  std::optional<Time> timestamp_;
  std::optional<Time> expires_;
  EntryDraft draft_;
  bool draft_is_alias_ = false;
  bool has_policies_ = false;  // valid or not
  std::unordered_map<std::string, Alias> aliases_;
  std::vector<Pending> pending_;
  ListBuilder builder_;
  Findings findings_{max_findings};
  bool refused_ = false;
};

}  // namespace starttls::preload
