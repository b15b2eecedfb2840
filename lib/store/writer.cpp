#include "store/writer.h"

#include <sys/random.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <string_view>

#include "base/atomic_file.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::store {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t name_size = 32;  // hexadecimal digits
constexpr std::string_view digits = "0123456789abcdef";

Result<std::string> new_name() {
  std::array<std::uint64_t, 2> random{};
  if (::getrandom(random.data(), sizeof random, 0) != sizeof random) {
    return fail(Fault::unavailable, "no random numbers: {}", errno_text(errno));
  }
  return fmt::format("{:016x}{:016x}", random[0], random[1]);
}

// Creates the file completely or not at all. If another process has created it first, that file stays.
Result<void> make(const fs::path& file) {
  const auto name = TRY(new_name());
  auto draft = TRY(AtomicFile::create(file, 0640));
  draft.append(name + "\n");
  TRY(draft.finish());
  return draft.commit_if_new();
}

}  // namespace

Result<std::string> writer_id(const fs::path& state_dir) {
  const fs::path file = state_dir / "writer";
  std::error_code error;
  if (!fs::exists(file, error) && !error) {
    TRY(make(file));
  }
  const auto text = TRY(read_file(file, 1000));
  std::string name(trim(text));
  if (name.size() != name_size || name.find_first_not_of(digits) != std::string::npos) {
    return fail(Fault::config, "{}: is not the name of a writer; remove the file", printable(file.string()));
  }
  return name;
}

}  // namespace starttls::store
