#include "listtool/setup_output.h"

#include <fmt/format.h>

#include <utility>

#include "base/enum_words.h"
#include "base/wrap.h"

namespace starttls::listtool {
namespace {

using publication::Publication;
using publication::RecordSet;
using publication::Step;
using publication::Wanted;

constexpr auto written_words = enum_words<Written>(
    {{Written::created, "created"}, {Written::replaced, "replaced"}, {Written::unchanged, "unchanged"}});
constexpr std::size_t indent = 4;

std::string zone_file(const Wanted& wanted, const Publication& publication) {
  return fmt::format("; All records of starttls-listtool setup {}, for the zones that have these names.\n{}",
                     wanted.domain.str(), publication::zone_text(publication.records, wanted.ttl));
}

std::string nsupdate_file(const Wanted& wanted, const Publication& publication) {
  const std::string updates = publication::nsupdate_text(publication.records, wanted.ttl);
  return fmt::format("; For nsupdate: what starttls-listtool setup {} found to change in the DNS.\n{}",
                     wanted.domain.str(), updates.empty() ? "; Nothing.\n" : updates);
}

// A shell script, run as root by certbot or acme.sh. Nothing in it comes from the network: the names are host names, and
// the path is plain.
std::string hook(const Wanted& wanted, const std::string& directory) {
  return fmt::format(R"(#!/bin/sh
# Publishes the TLSA record of a renewed certificate, waits, and only then gives the certificate to the mail server.
#
#   certbot:  certbot certonly ... --deploy-hook "{2}/tlsa-hook"
#   acme.sh:  acme.sh --install-cert -d {1} --fullchain-file NEW/fullchain.pem \
#               --key-file NEW/privkey.pem --reloadcmd "{2}/tlsa-hook NEW"
#
# With "certbot --reuse-key" the key stays, and there is nothing to publish at a renewal.
# The mail server must read its certificate from $installed, never from the directory of certbot or acme.sh. Before the
# first run, copy fullchain.pem and privkey.pem there. Copy this script before you change it: setup writes it again.
set -eu

renewed=${{1:-${{RENEWED_LINEAGE:?the directory of the renewed certificate}}}}
installed=${{INSTALLED:-/etc/ssl/{1}}}
ttl=${{TTL:-{3}}}  # seconds: that of the TLSA records

publish() {{
    # A key for the name server: nsupdate -k FILE; on the name server itself: nsupdate -l.
    ${{NSUPDATE:-nsupdate}} "{2}/records.nsupdate"
}}
reload() {{
    ${{RELOAD:-systemctl reload postfix}}
}}

starttls-listtool -q setup -o "{2}" --key {1}="$installed/fullchain.pem" \
    --next-key {1}="$renewed/fullchain.pem" {0}
publish
sleep "$ttl"

# Each is replaced whole; the mail server reads both when it is reloaded.
for name in privkey.pem fullchain.pem; do
    install -m 0600 "$renewed/$name" "$installed/.$name.new"
    mv "$installed/.$name.new" "$installed/$name"
done
reload

# Removes the record of the old key, as soon as the server no longer shows it.
starttls-listtool -q setup -o "{2}" --key {1}="$installed/fullchain.pem" {0}
publish
)",
                     wanted.domain.str(), wanted.keys.front().host.str(), directory, wanted.ttl.count());
}

}  // namespace

std::string to_text(std::span<const Step> steps) {
  std::string text;
  std::size_t number = 0;
  for (const Step& step : steps) {
    text += '\n';
    const std::string wait =
        step.wait.count() == 0 ? "" : fmt::format("After at least {}: ", publication::in_words(step.wait));
    append_wrapped(text, fmt::format("{}.", ++number), indent, wait + step.action);
    if (step.why.empty()) continue;
    append_wrapped(text, "", indent,
                   step.source.empty() ? step.why : fmt::format("{} ({})", step.why, step.source));
  }
  return text;
}

std::vector<SetupFile> setup_files(const Wanted& wanted, const Publication& publication,
                                   const publication::WebServer& server, const std::string& directory) {
  std::vector<SetupFile> files{{.name = std::string(plan_file),
                                .content = plan_heading(wanted.domain) + '\n' + to_text(publication.steps)},
                               {.name = "mta-sts.txt", .content = publication.policy_text},
                               {.name = "records.zone", .content = zone_file(wanted, publication)},
                               {.name = "records.nsupdate", .content = nsupdate_file(wanted, publication)},
                               {.name = "nginx.conf", .content = server.nginx()},
                               {.name = "Caddyfile", .content = server.caddy()},
                               {.name = "apache.conf", .content = server.apache()}};
  if (!wanted.keys.empty())
    files.push_back({.name = "tlsa-hook", .content = hook(wanted, directory), .mode = 0755});
  return files;
}

void to_json(json::JsonText& json, const Wanted& wanted, const Publication& publication,
             std::span<const WrittenFile> files) {
  json.object([&] {
    json.member("domain", wanted.domain.str());
    json.object("policy", [&] {
      json.member("mode", mtasts::to_string(publication.policy.mode));
      json.array("mx", [&] {
        for (const mtasts::MxPattern& pattern : publication.policy.mx) json.text(pattern.str());
      });
      json.member("max_age", static_cast<std::uint64_t>(publication.policy.max_age.count()));
    });
    json.member("id", publication.id);
    json.array("records", [&] {
      for (const RecordSet& set : publication.records) {
        json.object([&] {
          json.member("owner", set.owner);
          json.member("type", set.type);
          json.member("data", set.data);
          json.member("changed", set.changed);
        });
      }
    });
    json.array("steps", [&] {
      for (const Step& step : publication.steps) {
        json.object([&] {
          json.member("kind", publication::step_words.word(step.kind));
          json.member("wait", static_cast<std::uint64_t>(step.wait.count()));
          json.member("action", step.action);
          json.member("why", step.why);
          json.member("source", step.source);
        });
      }
    });
    json.array("files", [&] {
      for (const WrittenFile& file : files) {
        json.object([&] {
          json.member("name", file.name);
          json.member("written", written_words.word(file.written));
        });
      }
    });
  });
}

}  // namespace starttls::listtool
