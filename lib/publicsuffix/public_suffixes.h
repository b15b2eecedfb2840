// Public suffixes: domains such as "uk" and "co.uk" under which anybody may register names
// (https://publicsuffix.org/, libpsl).
#pragma once

#include <memory>
#include <string>

#include "base/result.h"

struct psl_ctx_st;

namespace starttls::publicsuffix {

// contains() goes by the ICANN section of the Public Suffix List only: what registries hand out. The private
// section has what companies let their customers use ("github.io", hosts of clouds); whether these are one
// owner's hosts or many strangers' is their owner's affair, and many MX hosts lie there.
class PublicSuffixes {
 public:
  // The system's list (package publicsuffix) or, where that is newer, the one built into libpsl; reads a file
  // of some 50 KB. Fault::unavailable where there is neither.
  static Result<PublicSuffixes> load();

  // Whether the name, in the form of DomainName, is itself such a suffix. A top-level domain that the list
  // does not know is none.
  bool contains(const std::string& name) const;

  // The domain that the owner of the name has registered ("mx1.mail.example.co.uk" -> "example.co.uk"), by
  // the whole list: what companies let their customers use counts as a suffix here, since it is about who
  // somebody is. A top-level domain that the list does not know counts as one. "" where the name is a suffix
  // itself.
  std::string registrable(const std::string& name) const;

 private:
  struct Free {
    void operator()(psl_ctx_st* list) const;
  };
  explicit PublicSuffixes(psl_ctx_st* list) : list_(list) {}

  std::unique_ptr<psl_ctx_st, Free> list_;
};

}  // namespace starttls::publicsuffix
