// The server that the tests of this folder are given.
#pragma once

#include <cstdlib>
#include <string>

#include "postgres/postgres.h"
#include "support.h"

namespace starttls::test {

// Of a database of the tests' own, in which nothing is dear to anybody.
inline std::string url() {
  const char* text = std::getenv("POSTGRES_URL");
  if (text == nullptr) FAIL("POSTGRES_URL is not set");
  return text;
}

inline postgres::Connection connect(postgres::Limits limits = {}) {
  return good(postgres::Connection::open(url(), limits));
}

inline void empty_database() {
  good(connect().execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public"));
}

}  // namespace starttls::test
