#include "listtool/configuration_text.h"

#include "preload/reader.h"

namespace starttls::listtool {
namespace {

using namespace std::chrono_literals;

// "list[2]."
std::string table_prefix(const char* tables, std::size_t index) {
  return fmt::format("{}[{}].", tables, index);
}

void read_lists(config::Settings& settings, std::vector<ListText>& lists) {
  lists.resize(settings.tables("list"));
  for (std::size_t i = 0; i < lists.size(); ++i) {
    const std::string in = table_prefix("list", i);
    ListText& list = lists[i];
    settings.string(in + "name", list.name);
    settings.string(in + "url", list.url);
    settings.string(in + "file", list.file);
    settings.string(in + "signature", list.signature);
    settings.strings(in + "keys", list.keys);
    settings.strings(in + "key_files", list.key_files);
    settings.string(in + "openpgp_key_file", list.openpgp_key_file);
    settings.flag(in + "allow_legacy", list.allow_legacy);
    settings.string(in + "signed_file", list.signed_file);
    settings.flag(in + "require_signed_file", list.require_signed_file);
    settings.number(in + "max_shrink", list.max_shrink, 0, 100);
  }
}

void read_outputs(config::Settings& settings, std::vector<OutputText>& outputs) {
  outputs.resize(settings.tables("output"));
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const std::string in = table_prefix("output", i);
    OutputText& output = outputs[i];
    settings.string(in + "mta", output.mta);
    settings.string(in + "file", output.file);
    settings.string(in + "type", output.type);
    settings.flag(in + "early_adopter", output.early_adopter);
    settings.string(in + "postfix_version", output.postfix_version);
    settings.strings(in + "next_hops", output.next_hops);
    settings.strings(in + "command", output.command);
  }
}

void read_serve(config::Settings& settings, ServeText& text, ServeSettings& serve) {
  settings.strings("serve.listen", text.listen);
  settings.mode("serve.socket_mode", serve.socket_mode);
  settings.string("serve.socket_group", serve.socket_group);
  settings.string("serve.user", serve.user);
  settings.string("serve.group", serve.group);
  settings.string("serve.metrics", text.metrics);
  settings.flag("serve.dane", serve.dane);
  settings.flag("serve.early_adopter", serve.early_adopter);
  settings.flag("serve.hold_without_policy", serve.hold_without_policy);
  settings.flag("serve.wait_for_dane", serve.wait_for_dane);
  settings.seconds("serve.dane_kept", serve.dane_kept, 0s, 30 * 24h);
  settings.string("serve.postfix_version", text.postfix_version);
  settings.seconds("serve.answer_timeout", serve.answer_timeout, 100ms, 90s);
  settings.seconds("serve.idle_timeout", serve.idle_timeout, 1s, 24h);
  settings.number("serve.max_connections", text.max_connections, 1, 1'000'000);
  settings.number("serve.max_domains", text.max_domains, 1, 10'000'000);
  settings.number("serve.max_lookups", text.max_lookups, 1, 100'000);
  settings.string("serve.log", serve.log);
  settings.string("serve.log_level", serve.log_level);
}

}  // namespace

std::vector<std::string> to_strings(const std::vector<config::Address>& addresses) {
  std::vector<std::string> texts;
  texts.reserve(addresses.size());
  for (const auto& address : addresses) texts.push_back(config::to_string(address));
  return texts;
}

ConfigurationText read_text(config::Settings& settings, Configuration& configuration) {
  ConfigurationText text;
  FetchLimits& fetch = configuration.fetch;
  Programs& programs = configuration.programs;
  settings.string("state_dir", text.state_dir);
  settings.string("overrides", text.overrides);
  settings.seconds("fetch.timeout", fetch.timeout, 100ms, 1h);
  settings.seconds("fetch.connect_timeout", fetch.connect_timeout, 100ms, 10min);
  settings.number("fetch.size_limit", text.size_limit, 1, preload::list_size_limit);
  settings.number("fetch.redirects", text.redirects, 0, 10);
  settings.string("fetch.ca_file", text.ca_file);
  text.discovery.ask(settings, configuration.discovery);
  settings.string("programs.postmap", programs.postmap);
  settings.string("programs.makemap", programs.makemap);
  settings.string("programs.gpgv", programs.gpgv);
  read_lists(settings, text.lists);
  read_outputs(settings, text.outputs);
  read_serve(settings, text.serve, configuration.serve);
  return text;
}

}  // namespace starttls::listtool
