// The differences between mail servers, where maps are made of lists and domains are looked up. Each server
// has its own directory, which fills its MailServer; the table of all is in mail_server.cpp.
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

// The program that makes a map of a text file.
struct MapCompiler {
  std::vector<std::string> argv;
  bool reads_text_from_stdin = false;
};

// The forms of socketmap requests. The name of the map in the request decides which one it is.
enum class Dialect : std::uint8_t {
  postfix,         // smtp_tls_policy_maps, in the syntax of every version since 3.4
  postfix_tlsrpt,  // "QUERYwithTLSRPT": Postfix 3.10 or later, with the attributes for its TLS reports
  sendmail,        // "sts": FEATURE(`sts') of Sendmail 8.17
  exim,            // "exim": ${readsocket} of Exim, in packaging/exim/router
};
inline constexpr std::size_t dialects = 4;

// Postfix reads no longer reply (socketmap_table(5)).
inline constexpr std::size_t max_reply_size = 100'000;  // bytes of the netstring's text

// How to answer a server over a socketmap.
struct SocketmapDialect {
  Dialect dialect = Dialect::postfix;
  std::string_view name;  // in metrics
  // The name of the map. "": the dialect of all requests with another name. Other resolvers do the same, and
  // read the name as one of their zones.
  std::string_view map;
  bool dane = false;       // whether the server supports DANE
  bool next_hops = false;  // whether it also looks up "[host]" and "host:port"
  // The server waits no longer than this.
  std::chrono::milliseconds max_answer_time = std::chrono::milliseconds::max();
  // The policy in the server's syntax; nothing if there is no policy for it.
  std::optional<std::string> (*policy)(const NextHop& next_hop, const policy::Decision& decision,
                                       const mtasts::FetchedPolicy* mta_sts,
                                       std::optional<postfix::Version> version) = nullptr;
  // The policy that defers mail to a domain whose MTA-STS policy cannot be fetched. nullptr: a temporary
  // error defers it.
  std::string (*held)(const DomainName& domain, mtasts::FailureType failure) = nullptr;
};

struct MailServer {
  std::string name;                // in the configuration, in commands and in JSON: "postfix"
  std::string title;               // for output: "Postfix"
  std::vector<MapType> map_types;  // the default first
  std::string type_help;           // of --type
  std::string generate_summary;    // of the command that generates a map
  std::string generate_example;
  bool has_versions = false;   // whether OutputSettings::postfix_version applies
  bool has_next_hops = false;  // whether OutputSettings::next_hops applies
  // Writes the map as a text. Returns how many enforced domains it cannot express.
  std::size_t (*write_text)(const OutputSettings& output, std::span<const Source> sources,
                            BufferedWriter& out) = nullptr;
  // Calls back with each key of the map and its policy, for MapFormat::cdb and lmdb; nullptr if the server
  // has none of them.
  void (*for_each_key)(const OutputSettings& output, std::span<const Source> sources,
                       const std::function<void(std::string_view key, std::string_view policy)>& each) =
      nullptr;
  // The program for MapFormat::compiled; `map` is the name of the text, in the working directory.
  MapCompiler (*compiler)(const Programs& programs, const std::string& type,
                          const std::string& map) = nullptr;
  // Prints what the administrator configures for a compiled map; nullptr if the manual describes it.
  std::string (*instructions)(const std::filesystem::path& map) = nullptr;
  // What the server does with mail to a next-hop, in its own syntax; nothing if nothing is demanded.
  std::optional<std::string> (*lookup)(const NextHop& next_hop, const policy::Inputs& inputs,
                                       std::optional<postfix::Version> version) = nullptr;
  std::vector<SocketmapDialect> dialects;
};

// All mail servers, the default first.
std::span<const MailServer* const> mail_servers();
// nullptr if there is none of that name.
const MailServer* find_mail_server(std::string_view name);
std::vector<std::string> mail_server_names();

// nullptr if the server has no type of that name.
const MapType* find_map_type(const MailServer& server, std::string_view name);
std::vector<std::string> map_type_names(const MailServer& server);

const SocketmapDialect& socketmap_dialect(Dialect dialect);

}  // namespace starttls::listtool
