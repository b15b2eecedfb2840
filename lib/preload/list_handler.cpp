#include "preload/list_handler.h"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/domain.h"
#include "base/text.h"
#include "preload/reader.h"

namespace starttls::preload {
namespace {

// RFC 3339, or seconds since 1970 up to the year 9999.
std::optional<Time> read_time(Kind kind, std::string_view text) {
  if (kind == Kind::string) {
    const auto time = parse_rfc3339(text);
    return time ? std::optional(*time) : std::nullopt;
  }
  double seconds = -1;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (kind != Kind::number || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  if (!(seconds >= 0 && seconds < 253402300800.0)) return std::nullopt;
  return Time{std::chrono::milliseconds{static_cast<std::int64_t>(std::floor(seconds * 1000))}};
}

}  // namespace

Position ListHandler::position_of(std::string_view member) const {
  const auto found = std::ranges::find(members_, member, &Member::name);
  return found == members_.end() ? Position{} : found->position.value_or(Position{});
}

bool ListHandler::sound(std::string_view text) {
  if (!stream_.had_more_than_ascii() || is_utf8(text)) return true;
  refuse(stream_.position_of(stream_.start_of_string(stream_.Tell())), "no JSON: a text is not UTF-8");
  return false;
}

bool ListHandler::key(std::string_view text) {
  if (skipped_ > 0) return true;
  if (where_ == Where::entry) {
    draft_.member(text);
    return true;
  }
  key_ = text;
  key_position_ = stream_.pass(stream_.start_of_string(stream_.Tell()));
  has_policies_ = has_policies_ || where_ == Where::policies;
  return true;
}

bool ListHandler::scalar(Kind kind, std::string_view text) {
  if (skipped_ > 0) return true;
  switch (where_) {
    case Where::outside:
      refuse({}, "is no JSON object");
      return false;
    case Where::root:
      root_value(kind, text);
      break;
    case Where::aliases:
    case Where::policies:
      no_policy();
      break;
    case Where::entry:
      draft_.value(kind, text);
      break;
    case Where::mxs:
      draft_.mx(kind, text);
      break;
  }
  return true;
}

bool ListHandler::open(Kind kind) {
  if (++depth_ > depth_limit) {
    refuse(stream_.position_of(stream_.Tell() - 1), fmt::format("nested deeper than {} levels", depth_limit));
    return false;
  }
  if (skipped_ > 0) {
    ++skipped_;
    return true;
  }
  switch (where_) {
    case Where::outside:
      if (kind != Kind::object) return scalar(kind, {});
      root_position_ = stream_.position_of(stream_.Tell() - 1);
      where_ = Where::root;
      break;
    case Where::root:
      root_value(kind, {});
      if (where_ == Where::root) skipped_ = 1;
      break;
    case Where::aliases:
    case Where::policies:
      if (kind != Kind::object) {
        skipped_ = 1;
        no_policy();
        break;
      }
      draft_is_alias_ = where_ == Where::aliases;
      draft_.begin(key_, key_position_, draft_is_alias_);
      where_ = Where::entry;
      break;
    case Where::entry:
      draft_.value(kind, {});
      if (draft_.wants_mxs() && kind == Kind::array) {
        where_ = Where::mxs;
      } else {
        skipped_ = 1;
      }
      break;
    case Where::mxs:
      draft_.mx(kind, {});
      skipped_ = 1;
      break;
  }
  return true;
}

bool ListHandler::close() {
  --depth_;
  if (skipped_ > 0) {
    --skipped_;
    return true;
  }
  switch (where_) {
    case Where::outside:
      break;
    case Where::root:
      where_ = Where::outside;
      break;
    case Where::aliases:
    case Where::policies:
      where_ = Where::root;
      break;
    case Where::entry:
      where_ = draft_is_alias_ ? Where::aliases : Where::policies;
      finish_entry();
      break;
    case Where::mxs:
      where_ = Where::entry;
      break;
  }
  return true;
}

void ListHandler::root_time(Kind kind, std::string_view text, std::optional<Time>& time) {
  time = read_time(kind, text);
  if (time) return;
  const auto shown = kind == Kind::string || kind == Kind::number ? " '" + printable(text, 100) + "'" : "";
  refuse(key_position_,
         fmt::format("'{}'{} is neither an RFC 3339 time nor a number of seconds", key_, shown));
}

void ListHandler::root_value(Kind kind, std::string_view text) {
  const auto member = std::ranges::find(members_, std::string_view(key_), &Member::name);
  if (member == members_.end()) {
    findings_.add(Severity::note, key_position_, {},
                  fmt::format("member '{}' is unknown and is ignored", printable(key_, 100)));
    return;
  }
  if (member->position) {
    refuse(key_position_, fmt::format("'{}' is there twice", key_));
    return;
  }
  member->position = key_position_;
  if (key_ == "timestamp") {
    root_time(kind, text, timestamp_);
  } else if (key_ == "expires") {
    root_time(kind, text, expires_);
  } else if (key_ == "version") {
    builder_.list().version = text;
    if (kind != Kind::string || text != "0.1") {
      refuse(key_position_, fmt::format("'version' is not \"0.1\", the only one that is known"));
    }
  } else if (key_ == "author") {
    builder_.list().author = text;
    if (kind != Kind::string) findings_.add(Severity::note, key_position_, {}, "'author' is not a text");
  } else if (kind != Kind::object) {
    refuse(key_position_, fmt::format("'{}' is not an object", key_));
  } else {
    where_ = key_ == "policies" ? Where::policies : Where::aliases;
  }
}

void ListHandler::no_policy() {
  findings_.add(Severity::fault, key_position_, key_, "its policy is not an object");
  if (where_ == Where::policies) drop(key_, key_position_);
}

// Drops an entry with a fault. Its name may be invalid, too. If the name is valid, a later entry of the same
// name is ignored.
void ListHandler::drop(std::string_view name, Position position) {
  if (const auto domain = DomainName::parse(name)) {
    builder_.drop(domain->str(), position);
  } else {
    findings_.add(Severity::fault, position, name, domain.error().message);
  }
}

void ListHandler::finish_entry() {
  const bool stands = draft_.finish(findings_);
  if (draft_is_alias_) {
    add_alias(stands);
  } else if (!stands) {
    drop(draft_.name(), draft_.position());
  } else if (draft_.alias()) {
    pending_.push_back(
        {.name = std::string(draft_.name()), .position = draft_.position(), .alias = *draft_.alias()});
    if (members_[aliases_member].position) resolve_aliases();  // the aliases came first: no need to wait
  } else {
    add(draft_.name(), draft_.position(), draft_.mode(), draft_.joined_mxs());
  }
}

void ListHandler::add_alias(bool stands) {
  const Alias alias{.stands = stands, .mode = draft_.mode(), .joined_mxs = draft_.joined_mxs()};
  if (aliases_.contains(std::string(draft_.name()))) {
    findings_.add(Severity::fault, draft_.position(), draft_.name(),
                  "this alias was there before; the first one stands");
  } else if (aliases_.size() < max_aliases) {
    aliases_.emplace(draft_.name(), alias);
  } else if (!refused_) {
    refuse(draft_.position(), fmt::format("has more than {} aliases", max_aliases));
  }
}

void ListHandler::add(std::string_view name, Position position, Mode mode, std::string_view joined_mxs) {
  if (DomainName::is_plain(name)) {
    builder_.add(name, mode, joined_mxs, position);
    return check_domain(name, name, position);
  }
  const auto domain = DomainName::parse(name);
  if (!domain) {
    findings_.add(Severity::fault, position, name, domain.error().message);
    return;
  }
  builder_.add(domain->str(), mode, joined_mxs, position);
  check_domain(domain->str(), name, position);
}

// `name` is the domain as it is written.
void ListHandler::check_domain(std::string_view domain, std::string_view name, Position position) {
  if (!checks_.domain) return;
  if (auto wrong = checks_.domain(domain)) {
    findings_.add(Severity::fault, position, name, std::move(*wrong));
  }
}

void ListHandler::resolve_aliases() {
  for (const Pending& entry : pending_) {
    const auto alias = aliases_.find(entry.alias);
    if (alias == aliases_.end()) {
      findings_.add(Severity::fault, entry.position, entry.name,
                    fmt::format("refers to the alias '{}', which is not there", printable(entry.alias, 100)));
      drop(entry.name, entry.position);
    } else if (!alias->second.stands) {
      findings_.add(Severity::fault, entry.position, entry.name,
                    fmt::format("refers to the alias '{}', which is faulty", printable(entry.alias, 100)));
      drop(entry.name, entry.position);
    } else {
      add(entry.name, entry.position, alias->second.mode, alias->second.joined_mxs);
    }
  }
  pending_.clear();
}

void ListHandler::check_members() {
  for (const Member& member : members_) {
    if (member.required && !member.position)
      refuse(root_position_, fmt::format("'{}' is missing", member.name));
  }
  if (timestamp_ && expires_ && *expires_ <= *timestamp_) {
    refuse(position_of("expires"), "'expires' is not later than 'timestamp'");
  }
}

void ListHandler::finish() {
  check_members();
  resolve_aliases();
  List& list = builder_.list();
  for (const auto& duplicate : builder_.put_in_order()) {
    findings_.add(Severity::fault, duplicate.position, duplicate.domain,
                  "this domain was there before; the first entry stands or falls alone");
  }
  // Such a list would remove all policies of the edition before it without a message.
  if (has_policies_ && list.size() == 0) refuse(position_of("policies"), "none of its policies stands");
  list.timestamp = timestamp_.value_or(Time{});
  list.expires = expires_.value_or(Time{});
}

}  // namespace starttls::preload
