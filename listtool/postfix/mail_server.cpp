#include "listtool/postfix/mail_server.h"

#include <algorithm>

#include "listtool/configuration.h"
#include "listtool/postfix/map.h"

namespace starttls::listtool::postfix {
namespace {

// The last version without TLSRPT attributes; it understands all other attributes that are used here.
constexpr Version before_tlsrpt{.major = 3, .minor = 9};

constexpr std::string_view reply_prefix = "OK ";

Rules rules(const OutputSettings& output) {
  return {.version = output.postfix_version,
          .early_adopter = output.early_adopter,
          .next_hops = output.next_hops};
}

std::size_t write_text(const OutputSettings& output, std::span<const Source> sources, BufferedWriter& out) {
  write_text_map(sources, rules(output), out);
  return 0;
}

void for_each_key(const OutputSettings& output, std::span<const Source> sources, const Line& each) {
  for_each_line(sources, rules(output), each);
}

MapCompiler compiler(const Programs& programs, const std::string& type, const std::string& map) {
  return {.argv = {programs.postmap, type + ":" + map}};
}

const mtasts::Policy* policy_in(const mtasts::FetchedPolicy* fetched) {
  return fetched == nullptr ? nullptr : &fetched->policy;
}

std::optional<std::string> lookup(const NextHop& next_hop, const policy::Inputs& inputs,
                                  std::optional<Version> version) {
  const policy::Decision decision = policy::decide(inputs);
  if (decision.mode == policy::Mode::undecided) return "TEMP";
  return policy_for(next_hop, decision, policy_in(inputs.mta_sts), version);
}

std::optional<std::string> plain_policy(const NextHop& next_hop, const policy::Decision& decision,
                                        const mtasts::FetchedPolicy*, std::optional<Version> version) {
  if (version) version = std::min(*version, before_tlsrpt);
  return policy_for(next_hop, decision, nullptr, version);
}

// A server that asks in this dialect is Postfix 3.10 or later.
std::optional<std::string> policy_with_reports(const NextHop& next_hop, const policy::Decision& decision,
                                               const mtasts::FetchedPolicy* mta_sts, std::optional<Version>) {
  auto policy = policy_for(next_hop, decision, policy_in(mta_sts), first_with_tlsrpt);
  // Delivery is more important than reports: a reply that is too long is sent without the report attributes.
  if (policy && policy->size() + reply_prefix.size() > max_reply_size)
    return policy_for(next_hop, decision, nullptr, before_tlsrpt);
  return policy;
}

// Postfix reports the failure (policy_failure=) and defers the mail, whatever certificate the server has.
std::string held_with_reports(const DomainName& domain, mtasts::FailureType failure) {
  return fmt::format(
      "secure match={0} servername=hostname policy_type=sts policy_domain={0} policy_failure={1}",
      domain.str(), mtasts::to_string(failure));
}

}  // namespace

const MailServer& mail_server() {
  static const MailServer server{
      .name = "postfix",
      .title = "Postfix",
      .map_types = {{.name = "texthash"},
                    {.name = "cdb", .format = MapFormat::cdb, .suffix = ".cdb"},
                    {.name = "lmdb", .format = MapFormat::lmdb, .suffix = ".lmdb"},
                    {.name = "hash", .format = MapFormat::compiled, .suffix = ".db"},
                    {.name = "btree", .format = MapFormat::compiled, .suffix = ".db"}},
      .type_help = "texthash (default), cdb, lmdb, hash or btree: as in main.cf",
      .generate_summary = "Write the map for smtp_tls_policy_maps",
      .generate_example =
          "starttls-listtool generate postfix --type cdb -o /etc/postfix/tls_policy\n"
          "  and in main.cf: smtp_tls_policy_maps = cdb:/etc/postfix/tls_policy",
      .has_versions = true,
      .has_next_hops = true,
      .write_text = write_text,
      .for_each_key = for_each_key,
      .compiler = compiler,
      .lookup = lookup,
      .dialects = {{.dialect = Dialect::postfix,
                    .name = "postfix",
                    .dane = true,
                    .next_hops = true,
                    .policy = plain_policy},
                   {.dialect = Dialect::postfix_tlsrpt,
                    .name = "postfix-tlsrpt",
                    .map = "QUERYwithTLSRPT",
                    .dane = true,
                    .next_hops = true,
                    .policy = policy_with_reports,
                    .held = held_with_reports}}};
  return server;
}

}  // namespace starttls::listtool::postfix
