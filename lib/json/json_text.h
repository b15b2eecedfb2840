// Writing JSON, for the output of --json.
#pragma once

#include <concepts>
#include <cstdint>
#include <memory>
#include <ranges>
#include <string>
#include <string_view>
#include <utility>

namespace starttls::json {

// Writes one JSON value, indented, all in ASCII, so that a terminal can show it whatever is in it. The caller
// keeps begin_... and end_... balanced and gives every value in an object a key.
class JsonText {
 public:
  JsonText();
  JsonText(const JsonText&) = delete;
  JsonText& operator=(const JsonText&) = delete;
  ~JsonText();

  // An object, or an array: `write` writes what is in it.
  //
  //     json.object([&] {
  //       json.member("domain", domain);
  //       json.array("hosts", [&] { for (const Host& host : hosts) to_json(json, host); });
  //     });
  template <std::invocable Write>
  void object(Write write) {
    begin_object();
    write();
    end_object();
  }
  template <std::invocable Write>
  void array(Write write) {
    begin_array();
    write();
    end_array();
  }
  template <std::invocable Write>
  void object(std::string_view name, Write write) {
    key(name);
    object(std::move(write));
  }
  template <std::invocable Write>
  void array(std::string_view name, Write write) {
    key(name);
    array(std::move(write));
  }

  void begin_object();
  void end_object();
  void begin_array();
  void end_array();
  void key(std::string_view name);
  void text(std::string_view value);  // text that is not UTF-8 becomes printable() first
  void number(std::uint64_t value);
  void boolean(bool value);
  void null();

  void member(std::string_view name, std::string_view value) { key(name), text(value); }
  void member(std::string_view name, const std::string& value) { key(name), text(value); }
  void member(std::string_view name, const char* value) { key(name), text(value); }
  void member(std::string_view name, std::same_as<bool> auto value) { key(name), boolean(value); }
  void member(std::string_view name, std::unsigned_integral auto value)
    requires(!std::same_as<decltype(value), bool>)
  {
    key(name), number(value);
  }
  // An array of texts.
  template <std::ranges::range Texts>
    requires std::same_as<std::ranges::range_value_t<Texts>, std::string>
  void member(std::string_view name, const Texts& values) {
    key(name);
    begin_array();
    for (const std::string& value : values) text(value);
    end_array();
  }

  // Returns what was written since the last call, in the middle of a value: so a long value can be sent in
  // parts.
  std::string take_part();
  // Returns the rest, with a newline at the end.
  std::string take();

 private:
  struct Writer;
  std::unique_ptr<Writer> writer_;
};

}  // namespace starttls::json
