#include "listtool/map_file.h"

#include "listtool/configuration.h"

namespace starttls::listtool {

namespace fs = std::filesystem;

const MapType& map_type(const OutputSettings& output) {
  const MapType* const type = find_map_type(*output.server, output.type);
  return type != nullptr ? *type : output.server->map_types.front();
}

bool is_text(const OutputSettings& output) {
  return map_type(output).format == MapFormat::text;
}

fs::path map_name(const OutputSettings& output) {
  std::string name = output.file.string();
  const std::string_view suffix = map_type(output).suffix;
  if (name.ends_with(suffix)) name.resize(name.size() - suffix.size());
  return name;
}

fs::path map_file(const OutputSettings& output) {
  return map_name(output).string() + std::string(map_type(output).suffix);
}

}  // namespace starttls::listtool
