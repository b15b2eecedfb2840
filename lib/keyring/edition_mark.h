// Which edition of which list a file is: the trusted comment of the signatures of a list.
//
//     timestamp:1796007600<TAB>file:sector.json<TAB>list:sector<TAB>edition:42<TAB>previous:HEX
//
// Fields end at a tab, as minisign(1) writes them. The first two are minisign's own. HEX is the BLAKE2b-512 hash of the
// list's file of the edition before, which is what minisign signs, so editions form a chain. Edition 1 has
// `previous:none`. Pure: text in, values out.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "minisign/blake2b.h"

namespace starttls::keyring {

inline constexpr std::uint64_t max_edition = 1'000'000'000'000;

struct EditionMark {
  std::string file;                        // its name, without a directory
  std::string list;                        // see check_list_name()
  std::uint64_t edition = 1;               // 1 to max_edition; each is one more than the one before
  Time time;                               // when it was signed, in whole seconds
  std::optional<minisign::Hash> previous;  // of the file of the edition before; none for edition 1 only

  bool operator==(const EditionMark&) const = default;
};

// Nothing where the comment has no field "edition": not every list has editions. Fields that are not known are ignored.
// Fault::data where a field is missing, wrong, or there twice, with the field and the reason. Verifies nothing.
Result<std::optional<EditionMark>> parse_edition_mark(std::string_view trusted_comment);

// As parse_edition_mark() reads it, without milliseconds.
std::string to_trusted_comment(const EditionMark& mark);

}  // namespace starttls::keyring
