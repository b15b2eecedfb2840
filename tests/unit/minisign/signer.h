// A key pair, made by the minisign program, that signs for a test.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/subprocess.h"
#include "minisign/key.h"
#include "minisign/signature.h"
#include "support.h"

namespace starttls::test {

class Signer {
 public:
  Signer() {
    run({"minisign", "-G", "-W", "-p", folder_ / "key.pub", "-s", folder_ / "key"});
    key_ = good(minisign::parse_key_file(read(folder_ / "key.pub")));
  }

  const minisign::PublicKey& key() const { return key_; }

  // The signature of a file, which minisign writes to FILE.minisig.
  minisign::Signature sign_file(const std::filesystem::path& file,
                                const std::vector<std::string>& options = {}) const {
    std::vector<std::string> argv{"minisign", "-S", "-s", folder_ / "key", "-m", file};
    argv.insert(argv.end(), options.begin(), options.end());
    run(argv);
    return good(minisign::parse_signature(read(file.string() + ".minisig")));
  }

  minisign::Signature sign(const std::string& text) const {
    write(folder_ / "file", text);
    return sign_file(folder_ / "file");
  }

 private:
  static void run(const std::vector<std::string>& argv) {
    const auto done = good(run_program({.argv = argv}));
    if (!done.succeeded()) FAIL(failure_text(argv.front(), done));
  }

  TemporaryFolder folder_;
  minisign::PublicKey key_;
};

}  // namespace starttls::test
