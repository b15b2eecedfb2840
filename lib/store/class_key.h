// A short key of a class of sessions, for a database where long keys make indexes slow.
#pragma once

#include <string>

#include "store/counts.h"

namespace starttls::store {

// 128 bits of SHA-256 over all of the class but its day, as a UUID's text. It never changes from one version
// of the program to the next, or a class would stand in the store twice.
std::string class_key(const SessionClass& of);

}  // namespace starttls::store
