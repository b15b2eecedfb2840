#include "listtool/setup_directory.h"

#include <sys/stat.h>

#include "support.h"

using namespace starttls;
using namespace starttls::listtool;

namespace {

const DomainName domain = *DomainName::parse("example.org");

std::vector<SetupFile> files(const std::string& policy) {
  return {{.name = "plan.txt", .content = plan_heading(domain) + "\n"},
          {.name = "mta-sts.txt", .content = policy},
          {.name = "tlsa-hook", .content = "#!/bin/sh\n", .mode = 0755}};
}

}  // namespace

TEST_CASE("files are created, left alone and replaced") {
  const test::TemporaryFolder folder;
  const auto directory = folder / "new/example.org";
  const auto write = [&](const std::string& policy) {
    test::good(check_setup_directory(directory, domain));
    return test::good(write_setup_directory(directory, files(policy)));
  };
  for (const WrittenFile& file : write("a")) CHECK(file.written == Written::created);
  for (const WrittenFile& file : write("a")) CHECK(file.written == Written::unchanged);
  const auto third = write("b");
  CHECK(third[0].written == Written::unchanged);
  CHECK(third[1].written == Written::replaced);
  CHECK(test::read(directory / "mta-sts.txt") == "b");
  struct stat hook{};
  REQUIRE(::stat((directory / "tlsa-hook").c_str(), &hook) == 0);
  CHECK((hook.st_mode & 0111U) == 0111U);
}

TEST_CASE("files that are not ours are not replaced") {
  const test::TemporaryFolder folder;
  test::good(check_setup_directory(folder.path(), domain));
  test::write(folder / "nginx.conf", "mine");
  CHECK(test::bad(check_setup_directory(folder.path(), domain)).fault == Fault::cannot_create);
  test::write(folder / "plan.txt", plan_heading(*DomainName::parse("other.example")) + "\n");
  CHECK(test::bad(check_setup_directory(folder.path(), domain)).fault == Fault::cannot_create);
  test::write(folder / "plan.txt", plan_heading(domain) + "\nmore\n");
  test::good(check_setup_directory(folder.path(), domain));
}
