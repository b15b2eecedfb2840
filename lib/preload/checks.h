// Further checks of names, by the caller.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace starttls::preload {

// What is wrong with a name, fit to be shown, or nothing.
using CheckName = std::function<std::optional<std::string>(std::string_view name)>;

// What a check returns becomes a finding of Severity::fault at the name's position, but the entry stays in
// the list. An empty function checks nothing and costs nothing.
struct Checks {
  CheckName domain;   // of an entry with a valid policy, in the form of DomainName
  CheckName pattern;  // in the form of MxPattern, of a domain or an alias, each time it is there
};

}  // namespace starttls::preload
