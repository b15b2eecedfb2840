// The frame that all pages of the toolkit share: everything is in one file, which can safely be sent by mail. The page
// forbids the browser to load anything, and to run anything but its own script. It has a light and a dark style, is
// readable on screens from 320 pixels and on paper.
//
//   <!DOCTYPE html>... head() ...<body> <header> <main> section() ... </main> <footer> foot()
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starttls::html {

// A style sheet or a script that is a file of the sources and a part of the program (starttls_embed() in
// cmake/embed.cmake).
struct Asset {
  std::string_view text;
  std::string_view sha256;  // of the text, in hexadecimal digits
};

// The style of all pages. Colours are custom properties: --ink, --soft, --good, --bad and so on.
Asset page_style();

struct Head {
  std::string title;          // a text, which is escaped here
  std::vector<Asset> styles;  // after page_style()
  std::optional<Asset> script;
  std::string feed;  // URL of an Atom feed beside the page, for feed readers, or ""
  // Whether elements have a style attribute. Then the page allows any style within it, else only its style sheets.
  bool has_style_attributes = false;
};

// From the beginning of the file to <body>. Its Content-Security-Policy is a second protection: if a text were read as
// markup, it could load and run nothing (CSP Level 3, sections 6.1 and 8.3).
std::string head(const Head& head);
// From the script, which runs when all else has been read, to the end of the file.
std::string foot(const Head& head);

// `note` may be empty; `content` is HTML.
std::string section(const std::string& title, const std::string& note, const std::string& content);

// Folded content, with its title.
std::string details(const std::string& what, const std::string& content);

// A figure among the first things of a page, within <ul class="tiles">. `style`: a class, or "".
std::string tile(const std::string& value, const std::string& name, std::string_view style = {});

}  // namespace starttls::html
