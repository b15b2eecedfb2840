// A short key of a class of sessions, for a database where long keys make indexes slow.
#pragma once

#include <string>

#include "store/counts.h"

namespace starttls::store {

// 128 bits of SHA-256 over all of the class except its day, as a UUID's text. It must not change between
// versions of the program: otherwise a class would be in the store twice.
std::string class_key(const SessionClass& of);

}  // namespace starttls::store
