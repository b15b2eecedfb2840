// One policy of a list while it is read, a member at a time. Internal to this component.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/finding.h"
#include "preload/checks.h"
#include "preload/list.h"
#include "preload/text_stream.h"

namespace starttls::preload {

// MX patterns of a policy. This also limits the length of a map's line.
inline constexpr std::size_t max_mxs = 64;

// Findings about one entry.
inline constexpr std::size_t max_remarks = 1000;

enum class Kind { string, number, other, array, object };  // of a JSON value

class EntryDraft {
 public:
  // `text` is where it is read from. Both must outlive the draft.
  EntryDraft(const TextStream& text, const Checks& checks) : text_(text), checks_(checks) {}

  // `name` is the domain or alias as written, a view that must stay valid until the next begin();
  // `position` is its position.
  void begin(std::string_view name, Position position, bool is_alias);

  // The key of a member was read.
  void member(std::string_view key);
  // The value of the last member; arrays and objects without their content.
  void value(Kind kind, std::string_view text);
  bool wants_mxs() const { return field_ == Field::mxs; }
  // The next value inside the array of mxs.
  void mx(Kind kind, std::string_view text);

  // Checks for missing members and adds all findings. Returns whether the entry is valid.
  bool finish(Findings& findings);

  std::string_view name() const { return name_; }
  Position position() const { return position_; }
  Mode mode() const { return mode_.value_or(Mode::none); }
  const std::string& joined_mxs() const { return joined_; }
  // The name of the alias that the entry refers to, instead of having a policy itself.
  const std::optional<std::string>& alias() const { return alias_; }

 private:
  enum class Field : std::size_t { mode, mxs, alias, other };
  struct Remark {
    Severity severity;
    Position position;
    std::string message;
  };

  std::optional<std::size_t>& seen(Field field) { return seen_[static_cast<std::size_t>(field)]; }
  std::size_t field_start() const { return text_.start_of_string(field_end_); }
  std::optional<std::string> fault_of_mx(Kind kind, std::string_view text);
  void add_mx(std::string_view pattern);
  void fault(std::size_t offset, std::string message);
  void fault_of_entry(std::string message);
  void remark(std::vector<Remark>& remarks, Severity severity, Position position, std::string message);
  // The same. Finds the position only if it is needed, which takes time.
  void remark(std::vector<Remark>& remarks, Severity severity, std::size_t offset, std::string message);
  void append(std::string_view pattern);
  void read_mode(Kind kind, std::string_view text);
  void judge_policy();
  void judge_alias();

  const TextStream& text_;
  const Checks& checks_;
  std::string_view name_;
  Position position_;
  bool is_alias_ = false;
  Field field_ = Field::other;
  std::size_t field_end_ = 0;
  std::array<std::optional<std::size_t>, 3> seen_;  // where the keys of the known fields end

  std::optional<Mode> mode_;
  std::string joined_;
  std::vector<std::size_t> ends_;  // of the patterns in it
  std::size_t mx_count_ = 0;
  std::optional<std::string> alias_;

  std::vector<Remark> policy_remarks_;  // on mode and mxs, which do not count beside an alias
  std::vector<Remark> remarks_;         // on all else
  bool policy_stands_ = true;
  bool stands_ = true;  // what else there is
};

}  // namespace starttls::preload
