// Makes a Keyring from the events of RapidJSON's SAX reader. Internal to this component.
#pragma once

#include <string_view>

#include "base/result.h"
#include "keyring/keyring.h"

namespace starttls::keyring {

// See parse_keyring(); of any size.
Result<Keyring> read_keyring(std::string_view text);

}  // namespace starttls::keyring
