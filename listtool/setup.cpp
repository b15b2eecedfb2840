// starttls-listtool setup: writes what the owner of a domain must publish, and says in which order.
//
//   examination::Gatherer -> published_of() -> publication::plan() -> setup_files() -> the directory

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/console.h"
#include "base/text.h"
#include "base/try.h"
#include "examination/facts.h"
#include "json/json_text.h"
#include "listtool/commands.h"
#include "listtool/examiner.h"
#include "listtool/setup_directory.h"
#include "listtool/setup_facts.h"
#include "listtool/setup_keys.h"
#include "listtool/setup_output.h"
#include "publication/publication.h"
#include "publication/web_server.h"
#include "tlsrpt/record.h"

namespace starttls::listtool {
namespace {

constexpr unsigned min_ttl = 30;
constexpr unsigned max_ttl = 604'800;

struct Values {
  std::string domain;
  std::filesystem::path directory;
  std::string mode;  // "": as published
  std::vector<mtasts::MxPattern> mx;
  std::optional<std::chrono::seconds> max_age;
  std::vector<tlsrpt::Destination> rua;
  std::vector<std::string> keys;
  std::vector<std::string> next_keys;
  std::string tlsa_type = tlsa_types.front();
  std::vector<IpAddress> policy_addresses;
  unsigned ttl = static_cast<unsigned>(publication::default_ttl.count());
  ExaminerSettings examiner;
};

Result<void> add_mx(Values& values, const std::string& text) {
  values.mx.push_back(TRY(mtasts::MxPattern::parse(text)));
  return {};
}

Result<void> set_max_age(Values& values, const std::string& text) {
  constexpr std::size_t max_digits = 8;
  const bool is_number = !text.empty() && text.size() <= max_digits &&
                         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  const std::chrono::seconds max_age(is_number ? std::stol(text) : 0);
  if (max_age.count() == 0 || max_age > mtasts::max_max_age) {
    return fail(Fault::usage, "'{}' is not a number of seconds, 1 to {}", printable(text),
                mtasts::max_max_age.count());
  }
  values.max_age = max_age;
  return {};
}

Result<void> add_rua(Values& values, const std::string& text) {
  values.rua.push_back(TRY(tlsrpt::parse_destination(text)));
  return {};
}

Result<void> add_policy_address(Values& values, const std::string& text) {
  const auto address = IpAddress::parse(text);
  if (!address) return fail(Fault::usage, "'{}' is no address", printable(text));
  values.policy_addresses.push_back(*address);
  return {};
}

void declare_policy(Options& options, Values& values) {
  options
      .option("--mode", values.mode, "MODE", "The mode of the policy (default: as published, else testing)")
      .choices({"testing", "enforce", "none"});
  options.parsed(
      "--mx", [&](const std::string& text) { return add_mx(values, text); }, "PATTERN",
      "An MX host of the policy, or *.DOMAIN (default: as published, and the MX hosts)");
  options
      .parsed(
          "--max-age", [&](const std::string& text) { return set_max_age(values, text); }, "SECONDS",
          "How long senders keep the policy (default: as published, or by the mode)")
      .once();
  options.parsed(
      "--policy-address", [&](const std::string& text) { return add_policy_address(values, text); },
      "ADDRESS", "An address of the policy host, for its A and AAAA records");
  options.parsed(
      "--rua", [&](const std::string& text) { return add_rua(values, text); }, "URI",
      "Where TLS reports go: mailto: or https: (default: as published)");
}

void declare(Options& options, Values& values) {
  options.argument("DOMAIN", values.domain, "The domain").required();
  options.option("-o", values.directory, "DIRECTORY", "Write the files there")
      .check(command::names_file)
      .required();
  declare_policy(options, values);
  options.repeated("--key", values.keys, "[HOST=]FILE",
                   "Certificate or key of an MX host, or of all, for TLSA records");
  options.repeated("--next-key", values.next_keys, "[HOST=]FILE", "The one that it will use after that");
  options.option("--tlsa-type", values.tlsa_type, "TYPE", "Type of the TLSA records (default: 3 1 1)")
      .choices(tlsa_types);
  options.option("--ttl", values.ttl, "SECONDS", "TTL of the records (default: 3600)")
      .range(min_ttl, max_ttl);
  const Option no_smtp = options.flag("--no-smtp", values.examiner.no_smtp, "Do not connect to mail servers");
  options
      .parsed(
          "--connect", [&](const std::string& text) { return add_endpoint(values.examiner.connect, text); },
          "MX=ADDRESS:PORT", "Connect there instead of to the addresses of this MX host")
      .excludes(no_smtp);
  options
      .parsed(
          "--ehlo", [&](const std::string& text) { return set_ehlo(values.examiner, text); }, "NAME",
          "Say EHLO with this name (default: that of this host)")
      .once();
}

Result<examination::DomainFacts> gather(const DomainName& domain, ExaminerSettings settings,
                                        const Context& context) {
  const auto examiner = TRY(Examiner::create(std::move(settings), context));
  return examiner->loop().run_until_complete(examiner->gatherer().gather(domain));
}

// An MX host with keys whose TLSA records must be known: one of the domain, or one that is not in the DNS yet.
Result<void> add_host(publication::Published& published, const DomainName& host,
                      const examination::DomainFacts& facts, const Values& values, const Context& context) {
  const auto is_host = [&host](const auto& each) { return each.name == host.str(); };
  if (std::ranges::any_of(published.hosts, is_host)) return {};
  const auto known = std::ranges::find_if(facts.hosts, is_host);
  if (known != facts.hosts.end()) {
    published.hosts.push_back(TRY(published_host(facts, *known)));
    return {};
  }
  ExaminerSettings settings = values.examiner;
  settings.only_host = host;
  const examination::DomainFacts alone = TRY(gather(facts.domain, std::move(settings), context));
  for (const examination::HostFacts& each : alone.hosts)
    published.hosts.push_back(TRY(published_host(alone, each)));
  return {};
}

struct Prepared {
  publication::Wanted wanted;
  publication::Publication made;
};

Result<Prepared> prepare(const DomainName& domain, const Values& values, const Context& context) {
  publication::Wanted wanted{.domain = domain,
                             .mode = mtasts::find_mode(values.mode),
                             .mx = values.mx,
                             .max_age = values.max_age,
                             .rua = values.rua,
                             .keys = {},
                             .policy_addresses = values.policy_addresses,
                             .ttl = std::chrono::seconds(values.ttl)};
  examination::DomainFacts facts = TRY(gather(wanted.domain, values.examiner, context));
  publication::Published published = TRY(published_of(facts));
  wanted.keys =
      TRY(read_keys(values.keys, values.next_keys, parse_tlsa_type(values.tlsa_type), published.mx_hosts));
  for (const publication::HostKeys& keys : wanted.keys)
    TRY(add_host(published, keys.host, facts, values, context));
  const mtasts::Policy policy = TRY(publication::policy_to_serve(wanted, published));
  const auto obstacles =
      policy.mode == mtasts::Mode::none ? std::vector<std::string>{} : obstacles_to(policy, std::move(facts));
  auto made = TRY(publication::plan(wanted, published, obstacles));
  return Prepared{.wanted = std::move(wanted), .made = std::move(made)};
}

// Without a slash at its end.
std::filesystem::path absolute_path(const std::filesystem::path& path) {
  const std::filesystem::path normal = std::filesystem::absolute(path).lexically_normal();
  return normal.has_filename() ? normal : normal.parent_path();
}

std::string summary(const std::filesystem::path& directory, const std::vector<WrittenFile>& files) {
  std::string text;
  for (const WrittenFile& file : files) {
    if (file.written == Written::unchanged) continue;
    text += fmt::format("{} {}\n", file.written == Written::created ? "created " : "replaced",
                        printable((directory / file.name).string()));
  }
  return text.empty() ? fmt::format("All files in {} are as they were.\n", printable(directory.string()))
                      : text;
}

Result<int> run(const Values& values, const Context& context) {
  const auto domain = DomainName::parse(values.domain);
  if (!domain) return fail(Fault::usage, "{}", domain.error().message);
  const std::filesystem::path directory = absolute_path(values.directory);
  const auto server = TRY(publication::WebServer::create(*domain, directory.string()));
  TRY(check_setup_directory(directory, *domain));
  const Prepared prepared = TRY(prepare(*domain, values, context));
  const auto files = TRY(write_setup_directory(
      directory, setup_files(prepared.wanted, prepared.made, server, directory.string())));
  if (context.json) {
    json::JsonText json;
    to_json(json, prepared.wanted, prepared.made, files);
    TRY(print(json.take()));
    return 0;
  }
  TRY(print(context.quiet ? "" : summary(directory, files) + to_text(prepared.made.steps)));
  return 0;
}

}  // namespace

Command setup_command() {
  return make_command(
      {.name = "setup",
       .summary = "Write what a domain must publish, and a plan",
       .example = "starttls-listtool setup -o example.com --rua mailto:tls-reports@example.com example.com"},
      declare, run);
}

}  // namespace starttls::listtool
