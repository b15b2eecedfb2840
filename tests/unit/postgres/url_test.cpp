#include "postgres/url.h"

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>

#include "support.h"

using namespace starttls;
using namespace starttls::postgres;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

Target only(const std::string& url) {
  auto targets = good(connection_targets(url, {}));
  REQUIRE(targets.size() == 1);
  return targets.front();
}

}  // namespace

TEST_CASE("a URL names server and user, encoding and time limits are ours") {
  auto [parameters, limit] = only("postgresql://mx:pass%40word@db.example:5433/tlsrpt?sslmode=verify-full");
  CHECK(parameters["host"] == "db.example");
  CHECK(parameters["port"] == "5433");
  CHECK(parameters["user"] == "mx");
  CHECK(parameters["password"] == "pass@word");
  CHECK(parameters["dbname"] == "tlsrpt");
  CHECK(parameters["sslmode"] == "verify-full");
  CHECK(parameters["client_encoding"] == "UTF8");
  CHECK(parameters["fallback_application_name"] == "starttls-toolkit");
  CHECK(parameters["tcp_user_timeout"] == "30000");
  CHECK(limit == 5s);
}

TEST_CASE("time limits and keepalives in the URL have precedence") {
  auto [parameters, limit] = only(
      "postgres://h/d?connect_timeout=20&keepalives_idle=5&tcp_user_timeout=7000&client_encoding=LATIN1");
  CHECK(limit == 20s);
  CHECK(parameters["keepalives_idle"] == "5");
  CHECK(parameters["tcp_user_timeout"] == "7000");
  CHECK(parameters["client_encoding"] == "UTF8");
  CHECK(only("postgres://h/d?connect_timeout=0").limit == 5s);  // libpq would wait for ever
}

TEST_CASE("each host of a URL is tried") {
  auto targets = good(connection_targets("postgresql://a:1,b:2,c/d", {}));
  REQUIRE(targets.size() == 3);
  CHECK(targets[0].parameters["host"] == "a");
  CHECK(targets[1].parameters["port"] == "2");
  CHECK(targets[2].parameters["host"] == "c");
  CHECK(targets[2].parameters["port"].empty());
  CHECK(good(connection_targets("postgresql:///d?host=a,b&port=7", {}))[1].parameters["port"] == "7");
}

TEST_CASE("an error about a URL never shows a password") {
  for (const char* url : {
           "postgresql://user:secret@[::1/d",          //
           "postgresql://user:secret@h/d?nonsense=1",  //
           "postgresql://user:%zzsecret@h/d",          //
           "postgresql://user:p@secret@h/d",           // '@' in the password
           "postgresql://user:secret/more@h/d",        // '/' in the password
           "postgresql://user:0@secret/d@h/d",         //
           "postgresql://user:1/secret@h/d",           //
           "postgresql://user:x@h:secret/d",           //
           "postgresql:///d?host=a,b&port=1,2,3",      //
           "secret",                                   //
           "host=h password=secret",                   //
       }) {
    INFO(url);
    const auto error = bad(connection_targets(url, {}));
    CHECK(error.fault == Fault::config);
    CHECK(error.message.find("secret") == std::string::npos);
  }
}

TEST_CASE("texts that are a URL") {
  CHECK(is_url("postgresql://"));
  CHECK(is_url("postgres://h/d"));
  CHECK_FALSE(is_url("/var/lib/tlsrpt.sqlite"));
  CHECK_FALSE(is_url("host=h"));
}

namespace {

// The mode of each host of the URL: "-" if libpq's default stays.
std::vector<std::string> modes_of(const std::string& url) {
  std::vector<std::string> modes;
  for (const Target& target : good(connection_targets(url, {}))) {
    const auto found = target.parameters.find("sslmode");
    modes.push_back(found == target.parameters.end() ? "-" : found->second);
  }
  return modes;
}

using Modes = std::vector<std::string>;

// For the lifetime of this object; it is empty afterwards.
class Environment {
 public:
  Environment(const char* name, const std::string& value) : name_(name) { ::setenv(name, value.c_str(), 1); }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() { ::unsetenv(name_); }

 private:
  const char* name_;
};

}  // namespace

TEST_CASE("a server on another host must prove its name") {
  for (const char* host : {"db.example", "192.0.2.1", "[2001:db8::1]", "127.0.0.1.example",
                           "localhost.example", "0.0.0.0", "[::ffff:127.0.0.1]"}) {
    CAPTURE(host);
    CHECK(modes_of(fmt::format("postgresql://u:p@{}/d", host)) == Modes{"verify-full"});
  }
  for (const char* host :
       {"127.0.0.1", "127.93.4.1", "[::1]", "localhost", "LocalHost", "%2Frun%2Fpostgresql", ""}) {
    CAPTURE(host);
    CHECK(modes_of(fmt::format("postgresql://u:p@{}/d", host)) == Modes{"-"});
  }
}

TEST_CASE("hostaddr is where the connection goes, whatever the name of the host") {
  CHECK(modes_of("postgresql://localhost/d?hostaddr=192.0.2.1") == Modes{"verify-full"});
  CHECK(modes_of("postgresql://db.example/d?hostaddr=127.0.0.1") == Modes{"-"});
  CHECK(modes_of("postgresql:///d?hostaddr=192.0.2.1") == Modes{"verify-full"});
}

TEST_CASE("each of several hosts is judged by itself") {
  CHECK(modes_of("postgresql://localhost,db.example,127.0.0.1/d") == Modes{"-", "verify-full", "-"});
}

TEST_CASE("an explicit choice has precedence, in the URL, the environment or a service file") {
  CHECK(modes_of("postgresql://db.example/d?sslmode=prefer") == Modes{"prefer"});
  {
    const Environment mode("PGSSLMODE", "require");
    CHECK(modes_of("postgresql://db.example/d") == Modes{"-"});  // libpq sees it itself
  }
  {
    const Environment host("PGHOST", "db.example,localhost");
    CHECK(modes_of("postgresql:///d") == Modes{"verify-full", "-"});
  }
  const TemporaryFolder folder;
  write(folder / "services", "[ours]\nhost=db.example\n[weak]\nhost=db.example\nsslmode=require\n");
  const Environment file("PGSERVICEFILE", (folder / "services").string());
  CHECK(modes_of("postgresql:///d?service=ours") == Modes{"verify-full"});
  CHECK(modes_of("postgresql:///d?service=weak") == Modes{"-"});
}

TEST_CASE("the authorities are the system's unless others are named") {
  const TemporaryFolder home;
  const Environment of("HOME", home.path().string());
  CHECK(only("postgresql://db.example/d").parameters.contains("sslrootcert"));
  CHECK(only("postgresql://db.example/d?sslmode=verify-ca").parameters["sslrootcert"] ==
        "/etc/ssl/certs/ca-certificates.crt");
  CHECK(only("postgresql://db.example/d?sslrootcert=/ca.pem").parameters["sslrootcert"] == "/ca.pem");
  CHECK_FALSE(only("postgresql://db.example/d?sslmode=require").parameters.contains("sslrootcert"));
  CHECK_FALSE(only("postgresql://localhost/d").parameters.contains("sslrootcert"));
  std::filesystem::create_directory(home / ".postgresql");
  write(home / ".postgresql/root.crt", "");
  CHECK_FALSE(only("postgresql://db.example/d").parameters.contains("sslrootcert"));
}

TEST_CASE("a weaker choice causes a warning that names the risk") {
  const auto one = [](const std::string& url) {
    const auto warnings = security_warnings(url);
    REQUIRE(warnings.size() == 1);
    CHECK(warnings.front().find("secret") == std::string::npos);
    return warnings.front();
  };
  const std::string url = "postgresql://u:secret@db.example/d?sslmode=";
  CHECK(one(url + "disable") ==
        "the connection to db.example is not encrypted: who can listen on the network reads the password and "
        "all data "
        "(sslmode=disable); set sslmode=verify-full");
  CHECK(one(url + "prefer").find("need not be encrypted") != std::string::npos);
  CHECK(one(url + "require").find("does not verify the server") != std::string::npos);
  CHECK(one(url + "verify-ca").find("does not check the server's name") != std::string::npos);
  CHECK(security_warnings(url + "verify-full").empty());
  CHECK(security_warnings("postgresql://u:secret@db.example/d").empty());
  CHECK(security_warnings("postgresql://u:secret@localhost/d?sslmode=disable").empty());
  CHECK(security_warnings("postgresql://u:secret@a,localhost,b/d?sslmode=require").size() == 2);
}

TEST_CASE("a password is found in each of its forms") {
  CHECK(has_password("postgresql://u:secret@h/d"));
  CHECK(has_password("postgresql://u@h/d?password=secret"));
  CHECK(has_password("postgresql://u@h/d?sslpassword=secret"));
  CHECK_FALSE(has_password("postgresql://u@h/d"));
  CHECK_FALSE(has_password("no URL"));
}

TEST_CASE("a pipe is no file that libpq may wait for") {
  const TemporaryFolder folder;
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  const Error error =
      bad(connection_targets("postgresql://h/d?sslrootcert=" + (folder / "pipe").string(), {}));
  CHECK(error.fault == Fault::config);
  CHECK(error.message.ends_with("sslrootcert: a named pipe, not a regular file"));
}
