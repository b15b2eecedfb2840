#include "listtool/signature_options.h"

namespace starttls::listtool {

using command::names_file;
using command::Option;

std::vector<Option> declare_signature(command::Options& options, SignatureOptions& values) {
  return {options.repeated("--signature", values.signatures, "SIG", "Signature file (default: FILE.minisig)")
              .check(names_file),
          options.repeated("-P", values.keys, "KEY", "Public key, as text; may be repeated"),
          options.repeated("-p", values.key_files, "KEYFILE", "Public key file; may be repeated")
              .check(names_file),
          options.flag("--allow-legacy", values.allow_legacy,
                       "Also accept minisign's legacy (not prehashed) signatures")};
}

void declare_lists(command::Options& options, std::vector<std::filesystem::path>& lists,
                   SignatureOptions& values) {
  const Option list = options
                          .repeated("--list", lists, "FILE",
                                    "A list; later ones overlay earlier ones (default: the installed lists)")
                          .check(names_file);
  for (const Option& option : declare_signature(options, values)) option.needs(list);
}

}  // namespace starttls::listtool
