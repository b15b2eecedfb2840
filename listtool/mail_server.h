// What mail servers differ in, where lists are made into maps and domains are looked up. Each server has a
// directory of its own that fills its MailServer; mail_server.cpp has the table of all.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/atomic_file.h"
#include "base/domain.h"
#include "base/next_hop.h"
#include "listtool/postfix/version.h"
#include "mtasts/policy_state.h"
#include "policy/decision.h"

namespace starttls::listtool {

struct OutputSettings;
struct Programs;
struct Source;

enum class MapFormat {
  text,      // written by us, read by the server
  cdb,       // written by us
  lmdb,      // written by us
  compiled,  // made of our text by a program of the server
};

struct MapType {
  std::string name;  // in the configuration: "cdb"
  MapFormat format = MapFormat::text;
  std::string_view suffix;  // what the library or program appends to the name of the map: ".cdb"
};

// The program that makes a map of a text.
struct MapCompiler {
  std::vector<std::string> argv;
  bool reads_text_from_stdin = false;
};

// How servers ask over a socketmap, by the name of the map that they ask for.
enum class Dialect : std::uint8_t {
  postfix,         // smtp_tls_policy_maps, as every version since 3.4 understands it
  postfix_tlsrpt,  // "QUERYwithTLSRPT": Postfix 3.10 or later, with what its TLS reports need
  sendmail,        // "sts": FEATURE(`sts') of Sendmail 8.17
};
inline constexpr std::size_t dialects = 3;

// More Postfix does not read (socketmap_table(5)).
inline constexpr std::size_t max_reply_size = 100'000;  // bytes of the netstring's text

// How a server is answered over a socketmap.
struct SocketmapDialect {
  Dialect dialect = Dialect::postfix;
  std::string_view name;  // in metrics
  // The name of the map; "": that of all requests with another name, as with the other resolvers, which take
  // it for one of their zones.
  std::string_view map;
  bool dane = false;       // whether the server can do DANE
  bool next_hops = false;  // whether it asks for "[host]" and "host:port", too
  // After this the server gives up.
  std::chrono::milliseconds max_answer_time = std::chrono::milliseconds::max();
  // The policy in the server's words; nothing where there is none for it.
  std::optional<std::string> (*policy)(const NextHop& next_hop, const policy::Decision& decision,
                                       const mtasts::FetchedPolicy* mta_sts,
                                       std::optional<postfix::Version> version) = nullptr;
  // The policy that holds up mail to a domain whose MTA-STS policy cannot be fetched; nullptr: a temporary
  // error does that.
  std::string (*held)(const DomainName& domain, mtasts::FailureType failure) = nullptr;
};

struct MailServer {
  std::string name;                // in the configuration, in commands and in JSON: "postfix"
  std::string title;               // for people: "Postfix"
  std::vector<MapType> map_types;  // the default first
  std::string type_help;           // of --type
  std::string generate_summary;    // of the command that generates a map
  std::string generate_example;
  bool has_versions = false;   // whether OutputSettings::postfix_version counts
  bool has_next_hops = false;  // whether OutputSettings::next_hops counts
  // Writes the map as a text. Returns how many enforced domains it cannot express.
  std::size_t (*write_text)(const OutputSettings& output, std::span<const Source> sources,
                            BufferedWriter& out) = nullptr;
  // Each key of the map with its policy, for MapFormat::cdb and lmdb; nullptr where there is none.
  void (*for_each_key)(const OutputSettings& output, std::span<const Source> sources,
                       const std::function<void(std::string_view key, std::string_view policy)>& each) =
      nullptr;
  // The program for MapFormat::compiled; `map` is the name of the text, in the working directory.
  MapCompiler (*compiler)(const Programs& programs, const std::string& type,
                          const std::string& map) = nullptr;
  // What the administrator configures for a compiled map, for people; nullptr where the manual says it.
  std::string (*instructions)(const std::filesystem::path& map) = nullptr;
  // What the server does with mail to a next-hop, in its own words; nothing where nothing is demanded.
  std::optional<std::string> (*lookup)(const NextHop& next_hop, const policy::Inputs& inputs,
                                       std::optional<postfix::Version> version) = nullptr;
  std::vector<SocketmapDialect> dialects;
};

// All of them, the default first.
std::span<const MailServer* const> mail_servers();
// nullptr where there is none of that name.
const MailServer* find_mail_server(std::string_view name);
std::vector<std::string> mail_server_names();

// nullptr where the server has no type of that name.
const MapType* find_map_type(const MailServer& server, std::string_view name);
std::vector<std::string> map_type_names(const MailServer& server);

const SocketmapDialect& socketmap_dialect(Dialect dialect);

}  // namespace starttls::listtool
