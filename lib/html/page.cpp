#include "html/page.h"

#include <fmt/format.h>

#include <charconv>
#include <cstddef>
#include <cstdint>

#include "html/text.h"

namespace starttls::html {
namespace {

// RFC 4648 section 4, of bytes in hexadecimal digits.
std::string base64(std::string_view hex) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  constexpr unsigned digit_bits = 4;
  constexpr unsigned letter_bits = 6;
  std::string out;
  std::uint32_t bits = 0;
  unsigned number = 0;  // of bits that are not yet written
  for (std::size_t at = 0; at < hex.size(); ++at) {
    unsigned digit = 0;
    std::from_chars(hex.data() + at, hex.data() + at + 1, digit, 16);
    bits = bits << digit_bits | digit;
    number += digit_bits;
    if (number < letter_bits) continue;
    number -= letter_bits;
    out += alphabet[bits >> number & 0x3fU];
  }
  if (number > 0) out += alphabet[bits << (letter_bits - number) & 0x3fU];
  while (out.size() % 4 != 0) out += '=';
  return out;
}

std::string source(const Asset& asset) {
  return fmt::format(" 'sha256-{}'", base64(asset.sha256));
}

std::string security_policy(const Head& head) {
  std::string policy = "default-src 'none'; base-uri 'none'; form-action 'none'; style-src";
  if (head.has_style_attributes) {
    policy += " 'unsafe-inline'";
  } else {
    policy += source(page_style());
    for (const Asset& style : head.styles) policy += source(style);
  }
  if (head.script) policy += "; script-src" + source(*head.script);
  return policy;
}

}  // namespace

std::string head(const Head& head) {
  std::string out = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
      "<meta http-equiv=\"Content-Security-Policy\" content=\"{}\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<meta name=\"color-scheme\" content=\"light dark\">\n"
      "<meta name=\"referrer\" content=\"no-referrer\">\n<title>{}</title>\n<style>{}</style>\n",
      security_policy(head), escape(head.title), page_style().text);
  for (const Asset& style : head.styles) out += fmt::format("<style>{}</style>\n", style.text);
  if (!head.feed.empty()) {
    out +=
        fmt::format("<link rel=\"alternate\" type=\"application/atom+xml\" href=\"{}\">\n", text(head.feed));
  }
  return out + "</head>\n<body>\n";
}

std::string foot(const Head& head) {
  return (head.script ? fmt::format("<script>{}</script>\n", head.script->text) : std::string()) +
         "</body></html>\n";
}

std::string section(const std::string& title, const std::string& note, const std::string& content) {
  return fmt::format("<section><h2>{}</h2>\n{}{}</section>\n", text(title),
                     note.empty() ? "" : R"(<p class="soft">)" + escape(note) + "</p>\n", content);
}

std::string details(const std::string& what, const std::string& content) {
  return "<details><summary>" + text(what) + "</summary>\n" + content + "</details>\n";
}

std::string tile(const std::string& value, const std::string& name, std::string_view style) {
  constexpr std::size_t max_large = 9;  // characters
  const auto attribute = [](std::string_view classes) {
    return classes.empty() ? std::string() : fmt::format(R"( class="{}")", classes);
  };
  return fmt::format("<li{}><b{}>{}</b><span>{}</span></li>\n", attribute(style),
                     attribute(value.size() > max_large ? "long" : ""), text(value), text(name));
}

}  // namespace starttls::html
