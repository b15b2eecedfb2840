// Public suffixes: domains such as "uk" and "co.uk", under which anybody can register names
// (https://publicsuffix.org/, libpsl).
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

struct psl_ctx_st;

namespace starttls::publicsuffix {

// contains() uses the ICANN section of the Public Suffix List only: the suffixes of registries. The private
// section has domains whose owners let their customers use names in them ("github.io", hosts of clouds).
// Many MX hosts have such names.
class PublicSuffixes {
 public:
  // The system's list (package publicsuffix) or, where that is newer, the one built into libpsl; reads a file
  // of some 50 KB. Fault::unavailable where there is neither.
  static Result<PublicSuffixes> load();

  // Whether the name, in the form of DomainName, is itself such a suffix. A top-level domain that is not on
  // the list is none.
  bool contains(const std::string& name) const;

  // The registrable domain of the name ("mx1.mail.example.co.uk" -> "example.co.uk"), by the whole list: here
  // private suffixes count too, as this is about who the owner is. A top-level domain that is not on the list
  // counts as a suffix. "" where the name itself is a suffix.
  std::string registrable(const std::string& name) const;

 private:
  struct Free {
    void operator()(psl_ctx_st* list) const;
  };
  explicit PublicSuffixes(psl_ctx_st* list) : list_(list) {}

  std::unique_ptr<psl_ctx_st, Free> list_;
};

}  // namespace starttls::publicsuffix
