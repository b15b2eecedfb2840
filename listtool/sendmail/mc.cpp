#include "listtool/sendmail/mc.h"

#include <algorithm>

#include "base/text.h"

namespace starttls::listtool::sendmail {
namespace {

constexpr std::string_view harmless = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789/._+-";
constexpr std::size_t max_path_length = 400;

}  // namespace

Result<std::string> mc_lines(const std::filesystem::path& path, MapType type) {
  const std::string& name = path.native();
  if (!path.is_absolute() || name.size() > max_path_length || name.find_first_not_of(harmless) != name.npos) {
    return fail(Fault::usage,
                "{}: no path for an .mc file, which takes absolute ones of letters, digits and {}",
                printable(name), "/._+-");
  }
  // -T<TMPF>: mail is deferred while the map cannot be read. Without it, mail would be sent unprotected.
  if (type == MapType::access) return fmt::format("FEATURE(`access_db', `hash -T<TMPF> {}')dnl\n", name);
  return fmt::format("FEATURE(`sts', `hash -T<TMPF> {}')dnl\ninclude(`" STARTTLS_WILDCARD_M4 "')dnl\n", name);
}

std::string commented(std::string_view lines) {
  std::string out;
  while (!lines.empty()) {
    const std::size_t length = std::min(lines.find('\n'), lines.size());
    out.append("#   ").append(lines.substr(0, length)).append("\n");
    lines.remove_prefix(std::min(length + 1, lines.size()));
  }
  return out;
}

}  // namespace starttls::listtool::sendmail
