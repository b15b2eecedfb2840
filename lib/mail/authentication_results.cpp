#include "mail/authentication_results.h"

#include <algorithm>
#include <span>

#include "base/text.h"

namespace starttls::mail {
namespace {

struct Token {
  char sign = '\0';        // ';', '=' or '/'; '\0' for a text
  std::string text;        // may have several adjacent pieces: x@"y"
  bool is_quoted = false;  // it has a quoted part
  bool has_space_before = false;

  bool is(char c) const { return sign == c; }
  bool is_text() const { return sign == '\0'; }
};

class Lexer {
 public:
  explicit Lexer(std::string_view text) : rest_(text) {}

  // Reads at most `most` tokens. Returns false if a comment or a quoted text has no end.
  bool read(std::vector<Token>& tokens, std::size_t most = max_authentication_field) {
    bool space = false;
    while (!rest_.empty() && tokens.size() < most) {
      const char c = rest_.front();
      if (is_blank(c)) {
        space = true;
        rest_.remove_prefix(1);
      } else if (c == '(') {
        space = true;
        if (!skip_comment()) return false;
      } else if (is_sign(c)) {
        tokens.push_back({.sign = c, .text = {}, .has_space_before = space});
        space = false;
        rest_.remove_prefix(1);
      } else {
        Token token{.text = {}, .has_space_before = space};
        if (!read_text(token)) return false;
        tokens.push_back(std::move(token));
        space = false;
      }
    }
    return true;
  }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
  static bool is_sign(char c) { return c == ';' || c == '=' || c == '/'; }

  // Comments nest (RFC 5322 section 3.2.2). A counter instead of recursion makes depth harmless.
  bool skip_comment() {
    std::size_t depth = 0;
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '\\' && !rest_.empty()) {
        rest_.remove_prefix(1);
      } else if (c == '(') {
        ++depth;
      } else if (c == ')' && --depth == 0) {
        return true;
      }
    }
    return false;
  }

  bool read_text(Token& token) {
    while (!rest_.empty()) {
      const char c = rest_.front();
      if (is_blank(c) || is_sign(c) || c == '(') break;
      rest_.remove_prefix(1);
      if (c != '"') {
        token.text += c;
        continue;
      }
      token.is_quoted = true;
      if (!read_quoted(token.text)) return false;
    }
    return true;
  }

  bool read_quoted(std::string& text) {
    while (!rest_.empty()) {
      const char c = rest_.front();
      rest_.remove_prefix(1);
      if (c == '"') return true;
      if (c != '\\') {
        // In a folded line, the line break is not part of the text (RFC 5322 section 3.2.4).
        if (c != '\r' && c != '\n') text += c;
      } else if (!rest_.empty()) {
        text += rest_.front();
        rest_.remove_prefix(1);
      }
    }
    return false;
  }

  std::string_view rest_;
};

using Tokens = std::span<const Token>;

// Splits "header.d" into its type and its name.
std::optional<std::pair<std::string, std::string>> property_name(const Token& token) {
  const auto dot = token.text.find('.');
  if (!token.is_text() || token.is_quoted || dot == std::string::npos || dot == 0 ||
      dot + 1 == token.text.size())
    return std::nullopt;
  return std::pair(to_lower(token.text.substr(0, dot)), to_lower(token.text.substr(dot + 1)));
}

// Blanks and comments are allowed around the dot: "header" "." "d", "header." "d", "header" ".d".
std::vector<Token> joined_at_dots(Tokens tokens) {
  std::vector<Token> joined;
  for (const Token& token : tokens) {
    const bool is_plain = token.is_text() && !token.is_quoted;
    const bool continues = is_plain && !joined.empty() && joined.back().is_text() &&
                           !joined.back().is_quoted &&
                           (joined.back().text.ends_with('.') || token.text.starts_with('.'));
    // A value before it is not joined: "d=example. x".
    const bool is_value = joined.size() >= 2 && joined[joined.size() - 2].is('=');
    if (continues && !is_value) {
      joined.back().text += token.text;
    } else {
      joined.push_back(token);
    }
  }
  return joined;
}

// A value may hold '/' and '=' if there is no blank before them: "header.b=ab/c=".
std::string value_at(const std::vector<Token>& tokens, std::size_t& at) {
  std::string value;
  for (bool first = true; at < tokens.size() && (first || !tokens[at].has_space_before);
       ++at, first = false) {
    if (tokens[at].is_text()) {
      value += tokens[at].text;
    } else {
      value += tokens[at].sign;
    }
  }
  return value;
}

// Reads the text between two semicolons.
std::optional<AuthenticationResult> result_of(Tokens between) {
  const std::vector<Token> tokens = joined_at_dots(between);
  if (tokens.size() < 3 || !tokens[0].is_text() || tokens[0].is_quoted) return std::nullopt;
  std::size_t at = 1;
  if (tokens[at].is('/')) at += 2;  // the method's version
  if (at + 1 >= tokens.size() || !tokens[at].is('=') || !tokens[at + 1].is_text()) return std::nullopt;
  AuthenticationResult result{
      .method = to_lower(tokens[0].text), .result = to_lower(tokens[at + 1].text), .properties = {}};
  for (at += 2; at < tokens.size();) {
    const bool has_value = at + 2 < tokens.size() && tokens[at + 1].is('=');
    const auto name = has_value ? property_name(tokens[at]) : std::nullopt;
    if (!has_value) {
      ++at;
      continue;
    }
    at += 2;
    std::string value = value_at(tokens, at);
    if (name)
      result.properties.push_back({.type = name->first, .name = name->second, .value = std::move(value)});
  }
  return result;
}

std::optional<std::vector<Token>> tokens_of(std::string_view value) {
  if (value.size() > max_authentication_field || value.contains('\0')) return std::nullopt;
  std::vector<Token> tokens;
  if (!Lexer(value).read(tokens)) return std::nullopt;
  return tokens;
}

}  // namespace

std::optional<std::string_view> AuthenticationResult::property(std::string_view type,
                                                               std::string_view name) const {
  std::optional<std::string_view> found;
  for (const Property& property : properties) {
    if (property.type != type || property.name != name) continue;
    if (found) return std::nullopt;
    found = property.value;
  }
  return found;
}

std::optional<AuthenticationResults> parse_authentication_results(std::string_view value) {
  const auto tokens = tokens_of(value);
  if (!tokens || tokens->empty() || !tokens->front().is_text()) return std::nullopt;
  AuthenticationResults field{.authserv_id = tokens->front().text, .results = {}};
  std::size_t at = 1;
  if (at < tokens->size() && (*tokens)[at].is_text()) {
    if ((*tokens)[at].text != "1") return std::nullopt;
    ++at;
  }
  if (at < tokens->size() && !(*tokens)[at].is(';')) return std::nullopt;
  while (at < tokens->size()) {
    const auto begin = ++at;
    while (at < tokens->size() && !(*tokens)[at].is(';')) ++at;
    auto result = result_of(Tokens(*tokens).subspan(begin, at - begin));
    if (!result) continue;
    if (field.results.size() == max_authentication_results) return std::nullopt;
    field.results.push_back(std::move(*result));
  }
  return field;
}

std::optional<std::string> parse_authserv_id(std::string_view value) {
  std::vector<Token> tokens;
  const bool is_read = Lexer(value).read(tokens, 1);
  if (!is_read || tokens.empty() || !tokens.front().is_text()) return std::nullopt;
  return tokens.front().text;
}

}  // namespace starttls::mail
