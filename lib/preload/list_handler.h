// The events of RapidJSON's SAX reader, turned into a list and findings. Internal to this room.
#pragma once

#include <rapidjson/memorystream.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "preload/entry.h"
#include "preload/findings.h"
#include "preload/list.h"

namespace starttls::preload {

// An event that returns false stops the reader; why was then told with refuse(). `json` is the text that the
// stream reads; both must outlive the handler.
class ListHandler {
 public:
  ListHandler(std::string_view json, const rapidjson::MemoryStream& stream) : json_(json), stream_(stream) {}

  bool Null() { return scalar(Kind::other, {}); }
  bool Bool(bool) { return scalar(Kind::other, {}); }
  bool RawNumber(const char* text, rapidjson::SizeType size, bool) {
    return scalar(Kind::number, {text, size});
  }
  bool String(const char* text, rapidjson::SizeType size, bool) { return scalar(Kind::string, {text, size}); }
  bool Key(const char* text, rapidjson::SizeType size, bool) { return key({text, size}); }
  bool StartObject() { return open(Kind::object); }
  bool EndObject(rapidjson::SizeType) { return close(); }
  bool StartArray() { return open(Kind::array); }
  bool EndArray(rapidjson::SizeType) { return close(); }
  // Asked for by the interface, but numbers come as text.
  bool Int(int) { return false; }
  bool Uint(unsigned) { return false; }
  bool Int64(std::int64_t) { return false; }
  bool Uint64(std::uint64_t) { return false; }
  bool Double(double) { return false; }

  void refuse(std::size_t offset, std::string message) {
    findings_.add(Severity::refused, offset, {}, std::move(message));
    refused_ = true;
  }

  // The text was read to its end: resolve aliases, say what is missing, put the entries in order.
  void finish();

  bool refused() const { return refused_; }
  List take_list() { return std::move(builder_.list()); }
  Findings take_findings() { return std::move(findings_); }
  std::size_t offset_of(std::string_view member) const;

 private:
  enum class Where { outside, root, aliases, policies, entry, mxs };
  struct Alias {
    bool stands;
    Mode mode;
    std::string joined_mxs;
  };
  struct Pending {  // an entry whose policy is an alias's
    std::string name;
    std::size_t offset;
    std::string alias;
  };
  struct Member {
    std::string_view name;
    bool required;
    std::optional<std::size_t> offset = std::nullopt;
  };

  bool key(std::string_view text);
  bool scalar(Kind kind, std::string_view text);
  bool open(Kind kind);
  bool close();
  void root_value(Kind kind, std::string_view text);
  void root_time(Kind kind, std::string_view text, std::optional<Time>& time);
  void mx(Kind kind, std::string_view text);
  void no_policy();
  void drop(std::string_view name, std::size_t offset);
  void finish_entry();
  void add_alias(bool stands);
  void add(const std::string& name, std::size_t offset, Mode mode, std::string_view joined_mxs);
  void resolve_aliases();
  void check_members();
  std::size_t start_of(Kind kind, std::string_view text) const;

  std::string_view json_;
  const rapidjson::MemoryStream& stream_;
  Where where_ = Where::outside;
  std::size_t depth_ = 0;
  std::size_t skipped_ = 0;  // how deep inside a value that nobody reads
  std::string key_;
  std::size_t key_offset_ = 0;
  std::size_t root_offset_ = 0;

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
  bool has_policies_ = false;  // sound or not
  std::unordered_map<std::string, Alias> aliases_;
  std::vector<Pending> pending_;
  ListBuilder builder_;
  Findings findings_;
  bool refused_ = false;
};

}  // namespace starttls::preload
