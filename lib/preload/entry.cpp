#include "preload/entry.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>

#include "base/domain.h"
#include "base/text.h"
#include "preload/mx_pattern.h"

namespace starttls::preload {
namespace {

constexpr std::array<std::string_view, 2> retired_fields{"min-tls-version", "report"};

// The start of the value that was just read.
std::size_t start_of_value(const TextStream& text, Kind kind, std::string_view value) {
  const std::size_t end = text.Tell();
  if (kind == Kind::string) return text.start_of_string(end);
  if (kind == Kind::number) return end - value.size();
  return end - 1;
}

// An address or the null MX can match no host. The other mxs are valid without it.
bool can_match_no_host(std::string_view text) {
  return text == "." || is_address_like(text);
}

}  // namespace

void EntryDraft::begin(std::string_view name, Position position, bool is_alias) {
  name_ = name;
  position_ = position;
  is_alias_ = is_alias;
  field_ = Field::other;
  seen_ = {};
  mode_.reset();
  joined_.clear();
  ends_.clear();
  mx_count_ = 0;
  alias_.reset();
  policy_remarks_.clear();
  remarks_.clear();
  stands_ = true;
  policy_stands_ = true;
}

void EntryDraft::member(std::string_view key) {
  field_end_ = text_.Tell();
  field_ = key == "mode"           ? Field::mode
           : key == "mxs"          ? Field::mxs
           : key == "policy-alias" ? Field::alias
                                   : Field::other;
  if (field_ == Field::other) {
    const bool retired = std::ranges::find(retired_fields, key) != retired_fields.end();
    remark(remarks_, Severity::note, field_start(),
           fmt::format("field '{}' {} and is ignored", printable(key, 100),
                       retired ? "belongs to an older format" : "is unknown"));
    return;
  }
  if (seen(field_)) {
    remark(remarks_, Severity::fault, field_start(), fmt::format("has '{}' twice", key));
    field_ = Field::other;
    return;
  }
  seen(field_) = field_end_;
}

void EntryDraft::read_mode(Kind kind, std::string_view text) {
  if (kind == Kind::string && text == "enforce") {
    mode_ = Mode::enforce;
  } else if (kind == Kind::string && text == "testing") {
    mode_ = Mode::testing;
  } else if (kind == Kind::string && text == "log-only") {
    mode_ = Mode::testing;
    remark(policy_remarks_, Severity::note, field_start(),
           "mode 'log-only' belongs to an older format and is read as 'testing'");
  } else if (kind == Kind::string && text == "none") {
    mode_ = Mode::none;
    remark(policy_remarks_, Severity::note, field_start(),
           "mode 'none' belongs to an older format and demands nothing");
  } else if (kind == Kind::string) {
    fault(field_start(),
          fmt::format("unknown mode '{}'; known are enforce and testing", printable(text, 100)));
  } else {
    fault(field_start(), "its mode is not a text");
  }
}

void EntryDraft::value(Kind kind, std::string_view text) {
  switch (field_) {
    case Field::mode:
      read_mode(kind, text);
      break;
    case Field::mxs:
      if (kind != Kind::array) fault(field_start(), "its mxs are not an array");
      break;
    case Field::alias:
      alias_ = text;
      if (kind != Kind::string) {
        remark(remarks_, Severity::fault, field_start(), "its policy-alias is not a text");
      }
      break;
    case Field::other:
      break;
  }
}

void EntryDraft::mx(Kind kind, std::string_view text) {
  if (auto fault = fault_of_mx(kind, text)) this->fault(start_of_value(text_, kind, text), std::move(*fault));
}

std::optional<std::string> EntryDraft::fault_of_mx(Kind kind, std::string_view text) {
  if (++mx_count_ > max_mxs) {
    if (mx_count_ > max_mxs + 1) return std::nullopt;  // reported once
    return fmt::format("has more than {} mxs", max_mxs);
  }
  if (kind != Kind::string) return "an mx that is not a text";
  if (MxPattern::is_plain(text)) {
    add_mx(text);
    return std::nullopt;
  }
  const auto pattern = MxPattern::parse(text);
  if (!pattern && can_match_no_host(text)) {
    remark(policy_remarks_, Severity::fault, start_of_value(text_, kind, text),
           fmt::format("mx {}; this mx is ignored", pattern.error().message));
    return std::nullopt;
  }
  if (!pattern) return "mx " + pattern.error().message;
  add_mx(pattern->str());
  return std::nullopt;
}

void EntryDraft::add_mx(std::string_view pattern) {
  append(pattern);
  if (!checks_.pattern) return;
  if (auto wrong = checks_.pattern(pattern)) {
    remark(policy_remarks_, Severity::fault, text_.start_of_string(text_.Tell()), "mx " + *wrong);
  }
}

void EntryDraft::append(std::string_view pattern) {
  std::size_t start = 0;
  for (const std::size_t end : ends_) {
    if (std::string_view(joined_).substr(start, end - start) == pattern) return;
    start = end + 1;
  }
  if (!joined_.empty()) joined_ += ':';
  joined_ += pattern;
  ends_.push_back(joined_.size());
}

void EntryDraft::remark(std::vector<Remark>& remarks, Severity severity, Position position,
                        std::string message) {
  if (&remarks == &remarks_ && severity != Severity::note) stands_ = false;
  if (remarks.size() < max_remarks) remarks.push_back({severity, position, std::move(message)});
}

void EntryDraft::remark(std::vector<Remark>& remarks, Severity severity, std::size_t offset,
                        std::string message) {
  remark(remarks, severity, remarks.size() < max_remarks ? text_.position_of(offset) : Position{},
         std::move(message));
}

void EntryDraft::fault(std::size_t offset, std::string message) {
  policy_stands_ = false;
  remark(policy_remarks_, Severity::fault, offset, std::move(message));
}

void EntryDraft::fault_of_entry(std::string message) {
  policy_stands_ = false;
  remark(policy_remarks_, Severity::fault, position_, std::move(message));
}

void EntryDraft::judge_policy() {
  if (!seen(Field::mode)) fault_of_entry("has no mode");
  if (mode_ == Mode::none) {
    joined_.clear();
  } else if (!seen(Field::mxs)) {
    fault_of_entry("has no mxs");
  } else if (joined_.empty() && policy_stands_) {
    fault_of_entry(mx_count_ == 0 ? "its mxs are empty" : "none of its mxs can match a host");
  }
  stands_ = stands_ && policy_stands_;
  std::ranges::move(policy_remarks_, std::back_inserter(remarks_));
}

// "When policy-alias is set, other fields are ignored": so errors in them are ignored, too.
void EntryDraft::judge_alias() {
  if (is_alias_) remark(remarks_, Severity::fault, position_, "an alias cannot refer to an alias");
  for (const auto& [field, name] : {std::pair{Field::mode, "mode"}, std::pair{Field::mxs, "mxs"}}) {
    if (const auto end = seen(field)) {
      remark(remarks_, Severity::note, text_.start_of_string(*end),
             fmt::format("'{}' is ignored beside policy-alias", name));
    }
  }
}

bool EntryDraft::finish(Findings& findings) {
  if (alias_) {
    judge_alias();
  } else {
    judge_policy();
  }
  for (Remark& remark : remarks_) {
    findings.add(remark.severity, remark.position, name_, std::move(remark.message));
  }
  return stands_;
}

}  // namespace starttls::preload
