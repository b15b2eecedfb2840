// Passing an error on (result.h), so that the code reads as what it does.
//
//     Result<Report> read(const std::filesystem::path& file) {
//       const std::string text = TRY(read_file(file));
//       TRY(check_size(text));
//       return parse(text);
//     }
//
// TRY(expression) is the value of a Result, moved out of it. Where the Result has an error instead, the
// enclosing function returns that error; it must return a Result, too.
//
// TRY does not compile in a coroutine (event/task.h). CO_TRY does. It is a statement, with what takes the
// value in front (nothing for a Result<void>), because g++ 12 cannot compile co_await within a statement
// expression:
//
//     CO_TRY(const Answer answer =, co_await ask(domain));
//     CO_TRY(, co_await check(answer));
//
// with_context() adds to an error what was being done:
//
//     return TRY(with_context(parse(text), "{}", file.string()));  // "FILE: unexpected end"
#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <type_traits>
#include <utility>

#include "base/result.h"

namespace starttls {

// The result; where it is an error, with "CONTEXT: " before its message.
template <class T, class... Args>
Result<T> with_context(Result<T> result, fmt::format_string<Args...> format, Args&&... args) {
  if (!result) {
    std::string& message = result.error().message;
    message = fmt::format("{}: {}", fmt::format(format, std::forward<Args>(args)...), message);
  }
  return result;
}

// The value of a result that has one, for TRY; it may be dropped.
template <class T>
T take_value(Result<T>&& result) {
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

}  // namespace starttls

#define STARTTLS_PASTE_(a, b) a##b

#define STARTTLS_TRY_(name, ...)                       \
  __extension__({                                      \
    auto name = (__VA_ARGS__);                         \
    if (!name.has_value()) [[unlikely]]                \
      return std::unexpected(std::move(name).error()); \
    ::starttls::take_value(std::move(name));           \
  })
// Each use has its own name, so that one can be inside another.
#define STARTTLS_TRY_NUMBERED_(number, ...) STARTTLS_TRY_(STARTTLS_PASTE_(try_result_, number), __VA_ARGS__)
#define TRY(...) STARTTLS_TRY_NUMBERED_(__COUNTER__, __VA_ARGS__)

#define STARTTLS_CO_TRY_(name, declaration, ...)        \
  auto name = (__VA_ARGS__);                            \
  if (!name.has_value()) [[unlikely]]                   \
    co_return std::unexpected(std::move(name).error()); \
  declaration* std::move(name)
#define STARTTLS_CO_TRY_NUMBERED_(number, declaration, ...) \
  STARTTLS_CO_TRY_(STARTTLS_PASTE_(try_result_, number), declaration, __VA_ARGS__)
#define CO_TRY(declaration, ...) STARTTLS_CO_TRY_NUMBERED_(__COUNTER__, declaration, __VA_ARGS__)
