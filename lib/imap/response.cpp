#include "imap/response.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "base/text.h"
#include "base/try.h"

namespace starttls::imap {
namespace {

constexpr int max_depth = 20;  // of lists in lists
constexpr std::size_t shown_text = 200;

std::string to_upper(std::string_view text) {
  std::string upper(text);
  for (char& one : upper) {
    if (one >= 'a' && one <= 'z') one = static_cast<char>(one - 'a' + 'A');
  }
  return upper;
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
  Number number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

std::string_view take_word(std::string_view& text) {
  const auto end = std::min(text.find(' '), text.size());
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return word;
}

// The size of the literal that a line announces at its end (RFC 3501 section 4.3); none where it announces none.
std::optional<std::string_view> announced_literal(std::string_view line) {
  if (!line.ends_with('}')) return std::nullopt;
  const auto begin = line.rfind('{');
  if (begin == std::string_view::npos) return std::nullopt;
  return line.substr(begin + 1, line.size() - begin - 2);
}

// The items of a list, from its "(" on.
class Items {
 public:
  explicit Items(std::string_view text) : rest_(text) {}

  bool skip(char one) {
    if (!rest_.starts_with(one)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool at_end() const { return rest_.empty(); }
  void skip_blanks() {
    while (skip(' ')) {
    }
  }

  // "UID", "RFC822.SIZE", "BODY[HEADER.FIELDS (DATE)]<0>": a name may have a part in brackets with blanks in it.
  std::string name() {
    std::size_t end = 0;
    bool in_brackets = false;
    for (; end < rest_.size(); ++end) {
      if (rest_[end] == '[') in_brackets = true;
      if (rest_[end] == ']') in_brackets = false;
      if (!in_brackets && std::string_view(" ()\"{").contains(rest_[end])) break;
    }
    std::string upper = to_upper(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return upper;
  }

  struct Value {
    std::string text;  // of an atom or a quoted string
    bool is_quoted = false;
    std::optional<std::size_t> literal;  // its number
  };
  Result<Value> value(int depth = 0) {
    if (depth > max_depth) return fail(Fault::data, "lists in too many lists");
    if (rest_.starts_with('"')) return quoted();
    if (rest_.starts_with('{')) return literal();
    if (!skip('(')) return atom();
    while (true) {
      skip_blanks();
      if (skip(')')) return Value{};
      if (at_end()) return fail(Fault::data, "a list without its end");
      TRY(value(depth + 1));
    }
  }

 private:
  Result<Value> atom() {
    const auto end = std::min(rest_.find_first_of(" ()\"{"), rest_.size());
    if (end == 0) return fail(Fault::data, "an item without a value");
    Value value{.text = std::string(rest_.substr(0, end))};
    rest_.remove_prefix(end);
    return value;
  }

  Result<Value> quoted() {
    Value value{.is_quoted = true};
    for (std::size_t at = 1; at < rest_.size(); ++at) {
      if (rest_[at] == '"') {
        rest_.remove_prefix(at + 1);
        return value;
      }
      if (rest_[at] == '\\') ++at;
      if (at == rest_.size()) break;
      value.text += rest_[at];
    }
    return fail(Fault::data, "a string without its end");
  }

  Result<Value> literal() {
    const auto end = rest_.find('}');
    if (end == std::string_view::npos) return fail(Fault::data, "a literal without its size");
    rest_.remove_prefix(end + 1);
    return Value{.literal = literals_++};
  }

  std::string_view rest_;
  std::size_t literals_ = 0;
};

Result<void> take_item(const std::string& name, Items::Value&& value, std::size_t literals,
                       Fetched& fetched) {
  if (name == "UID") {
    fetched.uid = number_in<std::uint32_t>(value.text);
    if (!fetched.uid || *fetched.uid == 0) return fail(Fault::data, "a UID that is no number");
  } else if (name == "RFC822.SIZE") {
    fetched.size = number_in<std::uint64_t>(value.text);
    if (!fetched.size) return fail(Fault::data, "a size that is no number");
  } else if (name == "BODY[]") {
    if (value.literal && *value.literal >= literals)
      return fail(Fault::data, "a literal without its content");
    fetched.body_literal = value.literal;
    if (value.is_quoted) fetched.body = std::move(value.text);
  }
  return {};
}

}  // namespace

Result<std::size_t> ResponseReader::add(std::string_view bytes) {
  const std::size_t size = bytes.size();
  while (!bytes.empty() && state_ == State::incomplete) {
    if (in_literal_ > 0) {
      const auto piece = bytes.substr(0, std::min<std::uint64_t>(bytes.size(), in_literal_));
      TRY(take_(response_.literals.size() - 1, piece));
      in_literal_ -= piece.size();
      bytes.remove_prefix(piece.size());
      continue;
    }
    const auto end = bytes.find('\n');
    const std::string_view line = bytes.substr(0, end);
    if (line.size() > limits_.max_text - response_.text.size()) {
      reject(fmt::format("a line of more than {} bytes", limits_.max_text));
      break;
    }
    response_.text += line;
    bytes.remove_prefix(end == std::string_view::npos ? bytes.size() : end + 1);
    if (end != std::string_view::npos) end_line();
  }
  return size - bytes.size();
}

void ResponseReader::end_line() {
  std::string& text = response_.text;
  if (text.size() > line_ && text.ends_with('\r')) text.pop_back();
  const auto announced = announced_literal(std::string_view(text).substr(line_));
  const auto size = announced ? number_in<std::uint64_t>(*announced) : std::nullopt;
  if (!size) {
    state_ = State::complete;
  } else if (*size > limits_.max_literal) {
    reject(fmt::format("a literal of {} bytes, more than {}", *size, limits_.max_literal));
  } else if (response_.literals.size() == limits_.max_literals) {
    reject(fmt::format("more than {} literals", limits_.max_literals));
  } else {
    response_.literals.push_back(*size);
    in_literal_ = *size;
    line_ = text.size();
  }
}

void ResponseReader::reject(std::string error) {
  state_ = State::malformed;
  error_ = std::move(error);
}

std::optional<Status> parse_status(const Response& response) {
  std::string_view rest = response.text;
  Status status{.tag = std::string(take_word(rest))};
  const std::string word = to_upper(take_word(rest));
  if (word == "OK" || word == "PREAUTH") {
    status.kind = Status::Kind::ok;
  } else if (word == "NO") {
    status.kind = Status::Kind::no;
  } else if (word == "BAD") {
    status.kind = Status::Kind::bad;
  } else if (word == "BYE") {
    status.kind = Status::Kind::bye;
  } else {
    return std::nullopt;
  }
  const auto end = rest.find(']');
  if (rest.starts_with('[') && end != std::string_view::npos) {
    std::string_view arguments = rest.substr(1, end - 1);
    status.code = printable(to_upper(take_word(arguments)), shown_text);
    if (!arguments.empty()) status.code += " " + printable(arguments, shown_text);
    rest = trim(rest.substr(end + 1));
  }
  status.text = printable(rest, shown_text);
  return status;
}

std::optional<std::vector<std::string>> parse_capabilities(const Response& response) {
  std::string_view rest = response.text;
  if (take_word(rest) != "*" || to_upper(take_word(rest)) != "CAPABILITY") return std::nullopt;
  std::vector<std::string> words;
  while (!rest.empty()) {
    if (const auto word = take_word(rest); !word.empty()) words.push_back(to_upper(word));
  }
  return words;
}

Result<std::optional<std::vector<std::uint32_t>>> parse_search(const Response& response) {
  std::string_view rest = response.text;
  if (take_word(rest) != "*" || to_upper(take_word(rest)) != "SEARCH") return std::nullopt;
  std::vector<std::uint32_t> uids;
  while (!rest.empty()) {
    const std::string_view word = take_word(rest);
    if (word.empty()) continue;
    const auto uid = number_in<std::uint32_t>(word);
    if (!uid || *uid == 0)
      return fail(Fault::data, "SEARCH found '{}', which is no number", printable(word, 20));
    uids.push_back(*uid);
  }
  return uids;
}

Result<std::optional<Fetched>> parse_fetch(const Response& response) {
  std::string_view rest = response.text;
  if (take_word(rest) != "*" || !number_in<std::uint32_t>(take_word(rest)) ||
      to_upper(take_word(rest)) != "FETCH")
    return std::nullopt;
  Items items(rest);
  if (!items.skip('(')) return fail(Fault::data, "FETCH without a list");
  Fetched fetched;
  while (true) {
    items.skip_blanks();
    if (items.skip(')')) return fetched;
    const std::string name = items.name();
    if (name.empty() || !items.skip(' '))
      return fail(Fault::data, "FETCH with an item without a name or value");
    TRY(take_item(name, TRY(items.value()), response.literals.size(), fetched));
  }
}

std::string sequence_set(const std::vector<std::uint32_t>& uids) {
  std::string set;
  for (std::size_t at = 0; at < uids.size();) {
    std::size_t last = at;
    while (last + 1 < uids.size() && uids[last + 1] - uids[last] == 1) ++last;
    if (!set.empty()) set += ',';
    set += std::to_string(uids[at]);
    if (last > at) set += ":" + std::to_string(uids[last]);
    at = last + 1;
  }
  return set;
}

}  // namespace starttls::imap
