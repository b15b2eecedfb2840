// What `setup` writes into its directory and prints.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "json/json_text.h"
#include "listtool/setup_directory.h"
#include "publication/publication.h"
#include "publication/web_server.h"

namespace starttls::listtool {

// The steps, numbered, in 80 columns; their waits are in words.
std::string to_text(std::span<const publication::Step> steps);

// All files, in the order in which they are written: the plan marks the directory, and the policy comes before the
// records. The hook for TLSA records is there only where the domain has keys. `directory` is absolute, and has no
// character that is special in a shell between quotes (see WebServer).
std::vector<SetupFile> setup_files(const publication::Wanted& wanted,
                                   const publication::Publication& publication,
                                   const publication::WebServer& server, const std::string& directory);

void to_json(json::JsonText& json, const publication::Wanted& wanted,
             const publication::Publication& publication, std::span<const WrittenFile> files);

}  // namespace starttls::listtool
