#include "examination/judge.h"

namespace starttls::examination {

std::string_view to_string(Outcome outcome) {
  switch (outcome) {
    case Outcome::delivers:
      return "delivers over authenticated TLS";
    case Outcome::can_be_stripped:
      return "delivers, and its TLS could be stripped";
    case Outcome::plaintext:
      return "delivers in plaintext";
    case Outcome::defers:
      return "defers the mail";
    case Outcome::no_mail:
      return "returns the mail at once";
    case Outcome::cannot_tell:
      return "cannot be judged";
  }
  return {};
}

}  // namespace starttls::examination
