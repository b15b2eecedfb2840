#include "mtasts/mode.h"

#include "base/enum_words.h"

namespace starttls::mtasts {
namespace {

constexpr auto words =
    enum_words<Mode>({{Mode::none, "none"}, {Mode::testing, "testing"}, {Mode::enforce, "enforce"}});

}  // namespace

std::string_view to_string(Mode mode) {
  return words.word(mode);
}

std::optional<Mode> find_mode(std::string_view word) {
  return words.find(word);
}

}  // namespace starttls::mtasts
