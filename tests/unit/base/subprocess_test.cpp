#include "base/subprocess.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <csignal>

#include "base/file.h"
#include "base/text.h"
#include "support.h"

using namespace starttls;
using namespace starttls::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

Command shell(std::string script) {
  return {.argv = {"/bin/sh", "-c", std::move(script)}};
}

std::string output_of(const std::string& script) {
  return good(run_program(shell(script))).out;
}

// Sets an environment variable for the lifetime of this object.
class Variable {
 public:
  Variable(const char* name, const std::string& value) : name_(name), old_(value_of(name)) {
    ::setenv(name, value.c_str(), 1);
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;
  ~Variable() {
    if (old_) {
      ::setenv(name_, old_->c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }

 private:
  static std::optional<std::string> value_of(const char* name) {
    const char* value = ::getenv(name);
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  }

  const char* name_;
  std::optional<std::string> old_;
};

// A pipe whose other end reports that no process has this one open any more.
struct Leash {
  UniqueFd read_end;
  UniqueFd write_end;

  Leash() {
    std::array<int, 2> ends{};
    REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    read_end = UniqueFd(ends[0]);
    write_end = UniqueFd(ends[1]);
  }
};

fs::path script_file(const TemporaryFolder& folder, const std::string& name, const std::string& content) {
  write(folder / name, content);
  fs::permissions(folder / name, fs::perms(0755));
  return folder / name;
}

}  // namespace

TEST_CASE("a program's status and both outputs are returned") {
  const auto done = good(run_program(shell("echo answer; echo trouble >&2; exit 3")));
  CHECK(done.exit_status == 3);
  CHECK(done.out == "answer\n");
  CHECK(done.err == "trouble\n");
  CHECK_FALSE(done.succeeded());
  CHECK(to_string(done) == "ended with status 3");
  CHECK(failure_text("sh", done) == "sh ended with status 3: trouble");
  CHECK(failure_text("sh", {.exit_status = 1, .out = "\033no\n"}) ==
        "sh ended with status 1: " + printable("\033no"));
  CHECK(failure_text("sh", {.exit_status = 1}) == "sh ended with status 1");
  CHECK(good(run_program({.argv = {"true"}})).succeeded());
}

TEST_CASE("arguments arrive unchanged, without a shell") {
  const auto done = good(run_program({.argv = {"printf", "%s|", "a b", "", "$HOME", "`id`;*", "\xff\n"}}));
  CHECK(done.out == "a b||$HOME|`id`;*|\xff\n|");
}

TEST_CASE("the signal that ended a program is returned") {
  const auto done = good(run_program(shell("kill -SEGV $$")));
  CHECK(done.signal == SIGSEGV);
  CHECK_FALSE(done.succeeded());
  CHECK(to_string(done) == "was ended by signal 11 (Segmentation fault)");
}

TEST_CASE("a program that is missing or cannot be executed is unavailable") {
  const TemporaryFolder folder;
  write(folder / "text", "no program\n");
  for (const std::string& name :
       {std::string("no-such-program"), std::string(), (folder / "none").string(), (folder / "text").string(),
        folder.path().string(), script_file(folder, "orphan", "#!/no/such/interpreter\n").string(),
        script_file(folder, "nothing", "").string()}) {
    CAPTURE(name);
    CHECK(bad(run_program({.argv = {name}})).fault == Fault::unavailable);
  }
  CHECK(bad(run_program({.argv = {}})).fault == Fault::internal);
  CHECK(bad(run_program({.argv = {"printf", std::string("a\0b", 3)}})).fault == Fault::internal);
}

TEST_CASE("a program is found in PATH first, then in the directories of the system's administrators") {
  const TemporaryFolder folder;
  const auto ours = script_file(folder, "sh", "#!/bin/sh\n");
  write(folder / "env", "is not executable");
  const Variable path("PATH", folder.path().string() + ":/usr/bin");
  CHECK(good(find_program("sh")) == ours);
  CHECK(good(find_program("env")) == "/usr/bin/env");
  CHECK(good(find_program("/bin/sh")) == "/bin/sh");
  const std::string reason = bad(find_program("no-such-program")).message;
  CHECK(reason.starts_with("no-such-program: there is no such program in "));
  CHECK(reason.ends_with("/usr/bin:/usr/local/sbin:/usr/sbin:/sbin"));
}

TEST_CASE("a program in the current directory is not found by its name alone") {
  const TemporaryFolder folder;
  script_file(folder, "only-here", "#!/bin/sh\n");
  const fs::path before = fs::current_path();
  fs::current_path(folder.path());
  for (const char* value : {"", ".", ":", "::/bin", "/bin:"}) {
    const Variable path("PATH", value);
    CHECK_FALSE(find_program("only-here").has_value());
  }
  CHECK(find_program("./only-here").has_value());
  fs::current_path(before);
}

TEST_CASE("standard input is empty, or read from a descriptor") {
  CHECK(output_of("cat").empty());
  const TemporaryFolder folder;
  write(folder / "in", "hello\n");
  const UniqueFd in(::open((folder / "in").c_str(), O_RDONLY | O_CLOEXEC));
  CHECK(good(run_program({.argv = {"cat"}, .stdin_fd = in.get()})).out == "hello\n");
}

TEST_CASE("standard output goes to a descriptor, standard error with it if requested") {
  const TemporaryFolder folder;
  const UniqueFd file(::open((folder / "out").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  Command command = shell("echo answer; echo trouble >&2");
  command.stdout_fd = file.get();
  const auto apart = good(run_program(command));
  CHECK(apart.out.empty());
  CHECK(apart.err == "trouble\n");
  command.merge_stderr = true;
  CHECK(good(run_program(command)).err.empty());
  CHECK(read(folder / "out") == "answer\nanswer\ntrouble\n");
  command.stdout_fd = -1;
  CHECK(good(run_program(command)).out == "answer\ntrouble\n");
}

TEST_CASE("the environment is ours or a given one") {
  const Variable ours("STARTTLS_TEST_VARIABLE", "ours");
  CHECK(output_of("echo $STARTTLS_TEST_VARIABLE") == "ours\n");
  Command command{.argv = {"env"}};
  command.environment = {"A=1", "B=two words"};
  CHECK(good(run_program(command)).out == "A=1\nB=two words\n");
}

TEST_CASE("the program gets no other descriptor of ours") {
  const Leash leash;
  // Without close-on-exec, as some libraries create it.
  const int careless = ::fcntl(leash.write_end.get(), F_DUPFD, 0);
  REQUIRE(careless > 2);
  const UniqueFd owner(careless);
  CHECK(output_of("ls /proc/self/fd | wc -l") == "4\n");  // 0, 1, 2 and the directory itself
}

TEST_CASE("the program starts with every signal at its default and unblocked") {
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const auto handler = std::signal(SIGPIPE, SIG_IGN);
  const std::string status = output_of("grep -E '^Sig(Blk|Ign)' /proc/self/status");
  std::signal(SIGPIPE, handler);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  // glibc keeps two signals for itself, 32 and 33, and ignores them in every program that it spawns.
  CHECK((status == "SigBlk:\t0000000000000000\nSigIgn:\t0000000180000000\n" ||
         status == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
}

TEST_CASE("the status is returned even if we were started with SIGCHLD ignored") {
  const auto handler = std::signal(SIGCHLD, SIG_IGN);
  CHECK(good(run_program(shell("exit 7"))).exit_status == 7);
  std::signal(SIGCHLD, handler);
}

TEST_CASE("output up to the limit is kept, more ends the program") {
  Command command = shell("head -c 300000 /dev/zero");
  command.out_limit = 300'000;
  CHECK(good(run_program(command)).out.size() == 300'000);
  command.out_limit = 299'999;
  const Error error = bad(run_program(command));
  CHECK(error.fault == Fault::data);
  CHECK(error.message == "/bin/sh: wrote more than 299999 bytes and was ended");
  CHECK(bad(run_program({.argv = {"yes"}})).fault == Fault::data);
}

TEST_CASE("of standard error the beginning is kept, and more of it does not end the program") {
  Command command = shell("echo first >&2; head -c 500000 /dev/zero >&2; echo done");
  command.err_limit = 6;
  const auto done = good(run_program(command));
  CHECK(done.err == "first\n");
  CHECK(done.out == "done\n");
  CHECK(done.succeeded());
}

// The time limits give the shell enough time for what the test needs, on a busy machine, too.

TEST_CASE("a program over its time limit is ended with all processes it started, and its output is kept") {
  Command command = shell("echo begun; sleep 600 & exec sleep 600");
  command.merge_stderr = true;
  command.time_limit = 1s;
  const auto done = good(run_program(command));
  CHECK(done.timed_out);
  CHECK(done.signal == SIGTERM);
  CHECK(done.out == "begun\n");
  CHECK(to_string(done) == "did not end in time and was killed");
}

TEST_CASE("a program that ignores SIGTERM is killed after the grace period") {
  Command command = shell("trap '' TERM; echo begun; while :; do sleep 600; done");
  command.time_limit = 1s;
  command.grace = 100ms;
  const auto done = good(run_program(command));
  CHECK(done.timed_out);
  CHECK(done.signal == SIGKILL);
}

TEST_CASE("a program may exit on SIGTERM in its own way") {
  Command command = shell("trap 'echo tidied; exit 9' TERM; sleep 600 & wait");
  command.time_limit = 1s;
  const auto done = good(run_program(command));
  CHECK(done.timed_out);
  CHECK(done.exit_status == 9);
  CHECK(done.out == "tidied\n");
}

TEST_CASE("a whole group is ended in time, also the processes that the program started") {
  Leash leash;
  Command command = shell("(trap '' TERM; sleep 600) & exec sleep 600");
  command.stdout_fd = leash.write_end.get();
  command.time_limit = 300ms;
  CHECK(good(run_program(command)).timed_out);
  leash.write_end.reset();
  char byte = 0;
  CHECK(::read(leash.read_end.get(), &byte, 1) == 0);  // returns only when all of them are gone
}

TEST_CASE("a background process of a program delays nothing and runs on") {
  Leash input;
  Leash output;
  // The background process holds the pipe of our capture while it waits for a line.
  Command command = shell("exec 3<&0; (read -r line <&3; echo \"$line\") & echo begun >&2");
  command.stdin_fd = input.read_end.get();
  CHECK(good(run_program(command)).err == "begun\n");
  command.stdout_fd = output.write_end.get();
  CHECK(good(run_program(command)).succeeded());
  output.write_end.reset();
  input.read_end.reset();
  input.write_end.reset();
  CHECK(good(read_all(output.read_end.get(), 100, "pipe")) == "\n");
}
