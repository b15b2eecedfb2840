// Header fields of a mail (RFC 5322 section 2.2), in their order: those at the top were added last.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "mail/random_access_file.h"

namespace starttls::mail {

inline constexpr std::size_t max_fields_size = std::size_t{256} << 10U;  // bytes of a header that are read
inline constexpr std::size_t max_fields = 1'000;                         // of those that are asked for

struct Field {
  std::string name;   // lower case
  std::string value;  // unfolded, without blanks at both ends
};

// The fields with these names (lower case) of the mail between two offsets. Lines that are no field are
// ignored. Errors are those of the file.
Result<std::vector<Field>> read_fields(const RandomAccessFile& source, std::uint64_t begin, std::uint64_t end,
                                       std::span<const std::string_view> names);

// The same for a text that begins with a header.
std::vector<Field> parse_fields(std::string_view text, std::span<const std::string_view> names);

// The domain of the address in a field such as From, as written. Nothing where it has no address or several.
std::optional<std::string> address_domain(const std::string& value);

// The value of a tag in a list such as a DKIM signature (RFC 6376 section 3.2): "d=example.org; l=100".
// Nothing where the tag is absent. Where it appears twice, the first counts. Blanks within the value are
// dropped.
std::optional<std::string> find_tag(std::string_view list, std::string_view tag);

}  // namespace starttls::mail
