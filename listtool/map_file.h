// The names of the files of maps.
#pragma once

#include <filesystem>

#include "listtool/mail_server.h"

namespace starttls::listtool {

struct OutputSettings;

const MapType& map_type(const OutputSettings& output);

// Whether it is a text that can be written to standard output.
bool is_text(const OutputSettings& output);

// The name of the map in the mail server's configuration: without the suffix of its type. output.file may be
// with or without it.
std::filesystem::path map_name(const OutputSettings& output);

// The file that the mail server opens.
std::filesystem::path map_file(const OutputSettings& output);

}  // namespace starttls::listtool
