#include "dns/message.h"

#include "base/domain.h"
#include "support.h"
#include "wire.h"

using namespace starttls;
using namespace starttls::test;
using namespace std::chrono_literals;
using dns::Status;
using dns::Type;

namespace {

constexpr unsigned cname = 5;
constexpr unsigned soa = 6;

dns::Answer read(const Message& message) {
  const std::string wire = message.wire();
  return good(dns::read_message(octets(wire), static_cast<Type>(message.type)));
}

std::string fault(const Message& message) {
  const std::string wire = message.wire();
  return bad(dns::read_message(octets(wire), static_cast<Type>(message.type))).message;
}

std::string soa_record(std::size_t ttl, std::size_t minimum) {
  const std::string numbers = u32(1) + u32(2) + u32(3) + u32(4) + u32(minimum);
  return record("example.test", soa,
                wire_name("ns.example.test") + wire_name("hostmaster.example.test") + numbers, ttl);
}

}  // namespace

TEST_CASE("the records of each type are returned as values") {
  using Strings = std::vector<std::string>;
  const auto one = [](unsigned type, const std::string& rdata) {
    return read({.type = type, .answers = {record("example.test", type, rdata)}});
  };
  CHECK(one(1, std::string("\xc0\0\2\1", 4)).addresses == Strings{"192.0.2.1"});
  CHECK(one(28, "\x20\x01\x0d\xb8" + std::string(11, '\0') + "\1").addresses == Strings{"2001:db8::1"});
  CHECK(one(15, u16(10) + wire_name("mx.example.test")).mxs == std::vector<dns::Mx>{{10, "mx.example.test"}});
  CHECK(one(52, "\3\1\1" + std::string(32, 'x')).tlsas ==
        std::vector<dns::Tlsa>{{3, 1, 1, std::string(32, 'x')}});
  CHECK(one(16, "\5v=STS\2v1").texts == Strings{"v=STSv1"});
}

TEST_CASE("of thousands of addresses only the first ones are kept") {
  Message message{.type = 1};
  for (std::size_t i = 0; i < 2'000; ++i)
    message.answers.push_back(record("example.test", 1, std::string("\xc0\0", 2) + u16(i)));
  const auto answer = read(message);
  CHECK(answer.addresses.size() == dns::max_addresses);
  CHECK(answer.addresses.front() == "192.0.0.0");
  CHECK(answer.addresses.back() == "192.0.0.63");
}

TEST_CASE("the strings of a TXT record are joined, and every byte is kept") {
  const std::string bytes("\0\xff\n\"", 4);
  const auto answer = read({.answers = {record("example.test", 16, '\4' + bytes + '\0' + "\1x"),
                                        record("example.test", 16, std::string(1, '\0'))}});
  CHECK(answer.texts == std::vector<std::string>{bytes + "x", ""});
}

TEST_CASE("MX hosts are in order of preference, the null MX is an empty name, odd bytes are escaped") {
  const auto mx = [](std::size_t preference, const std::string& host) {
    return record("example.test", 15, u16(preference) + host);
  };
  const auto answer =
      read({.type = 15,
            .answers = {mx(20, wire_name("b.test")), mx(10, wire_name("c.test")), mx(20, wire_name("a.test")),
                        mx(0, wire_name("")), mx(30, "\3a.b\4test" + std::string(1, '\0')),
                        mx(31, wire_name("\xff.test"))}});
  CHECK(answer.mxs ==
        std::vector<dns::Mx>{
            {0, ""}, {10, "c.test"}, {20, "a.test"}, {20, "b.test"}, {30, "a\\.b.test"}, {31, "\\255.test"}});
  bad(DomainName::parse(answer.mxs[4].host));
  bad(DomainName::parse(answer.mxs[5].host));
}

TEST_CASE("a CNAME that is asked for is the answer") {
  const auto alias = read({.type = cname,
                           .answers = {record("example.test", cname, wire_name("A.test"), 100),
                                       record("a.test", cname, wire_name("b.test"), 50)}});
  CHECK(alias.status == Status::found);
  CHECK(alias.canonical_name == "A.test");
  CHECK(alias.ttl == 100s);
  CHECK(read({.type = cname, .answers = {}}).status == Status::nodata);
  CHECK(fault({.type = cname, .answers = {record("example.test", cname, "\5ab")}}) ==
        "a malformed answer: a CNAME record that is none");
}

TEST_CASE("a chain of CNAMEs leads to the records, the least TTL counts") {
  const auto answer =
      read({.answers = {record("b.test", 16, "\1x", 200), record("A.test", cname, wire_name("b.TEST"), 100),
                        record("example.test", cname, wire_name("a.test"), 300)}});
  CHECK(answer.status == Status::found);
  CHECK(answer.canonical_name == "b.TEST");
  CHECK(answer.ttl == 100s);
  CHECK(answer.texts == std::vector<std::string>{"x"});
}

TEST_CASE("a chain may end without records") {
  const Message message{.flags = 0x8183,
                        .answers = {record("example.test", cname, wire_name("a.test"), 30)},
                        .authority = {soa_record(60, 60)}};
  const auto answer = read(message);
  CHECK(answer.status == Status::nxdomain);
  CHECK(answer.canonical_name == "a.test");
  CHECK(answer.ttl == 30s);
}

TEST_CASE("a chain that is too long, or circular, is a fault") {
  CHECK(fault({.answers = {record("example.test", cname, wire_name("example.test"))}}).find("a loop") !=
        std::string::npos);
  Message longest;
  std::string name = longest.name;
  for (int i = 0; i < dns::max_cname_chain; ++i) {
    const std::string next = fmt::format("n{}.test", i);
    longest.answers.push_back(record(name, cname, wire_name(next)));
    name = next;
  }
  CHECK(read(longest).canonical_name == name);
  longest.answers.push_back(record(name, cname, wire_name("end.test")));
  CHECK(fault(longest).find("too long") != std::string::npos);
}

TEST_CASE("records of other names and types are no answer") {
  const auto answer =
      read({.answers = {record("elsewhere.test", 16, "\1x"), record("example.test", 99, "\1x")}});
  CHECK(answer.status == Status::nodata);
}

TEST_CASE("a negative answer has a TTL") {
  struct Case {
    std::string why;
    unsigned flags;
    std::vector<std::string> authority;
    Status status;
    std::chrono::seconds ttl;
  };
  for (const Case& c : std::vector<Case>{
           {"the SOA's own TTL, where that is less", 0x8180, {soa_record(60, 90)}, Status::nodata, 60s},
           {"the SOA's minimum, where that is less", 0x8183, {soa_record(90, 60)}, Status::nxdomain, 60s},
           {"at most an hour", 0x8183, {soa_record(90'000, 90'000)}, Status::nxdomain, 3600s},
           {"not at all without SOA", 0x8183, {}, Status::nxdomain, 0s},
           {"nor with a malformed one", 0x8180, {record("example.test", soa, "\0\0x")}, Status::nodata, 0s},
           {"a TTL beyond 31 bits is zero", 0x8180, {soa_record(0x80000001U, 60)}, Status::nodata, 0s}}) {
    CAPTURE(c.why);
    const auto answer = read({.flags = c.flags, .authority = c.authority});
    CHECK(answer.status == c.status);
    CHECK(answer.ttl == c.ttl);
  }
}

TEST_CASE("no TTL is longer than a day") {
  CHECK(read({.answers = {record("example.test", 16, "\1x", 1'000'000)}}).ttl == 86'400s);
}

TEST_CASE("one malformed record makes the whole answer a fault") {
  struct Case {
    std::string why;
    unsigned type;
    std::string rdata;
  };
  for (const Case& c :
       std::vector<Case>{{"an address of three bytes", 1, "abc"},
                         {"an address of five", 1, "abcde"},
                         {"an IPv6 address of four", 28, "abcd"},
                         {"a TXT record without strings", 16, ""},
                         {"a string that is longer than the record", 16, "\3ab"},
                         {"an MX record without host", 15, u16(10)},
                         {"one that goes on after the host", 15, u16(10) + wire_name("mx") + "x"},
                         {"one whose name points to itself", 15, u16(10) + "\xc0\x3e"},
                         {"one whose name points out of the message", 15, u16(10) + "\xff\xff"},
                         {"one whose name does not end", 15, u16(10) + "\2mx"},
                         {"a TLSA record of two bytes", 52, "\3\1"}}) {
    CAPTURE(c.why);
    Message message{.type = c.type, .answers = {record("example.test", c.type, c.rdata)}};
    CHECK(fault(message).starts_with("a malformed answer"));
  }
}

TEST_CASE("a message that is no answer to the question is a fault with its reason") {
  CHECK(fault({.flags = 0x0180}) == "a malformed answer");
  CHECK(fault({.flags = 0x8380}) == "a truncated answer");
  CHECK(fault({.flags = 0x8182}) == "SERVFAIL");
  CHECK(fault({.flags = 0x8185}) == "REFUSED");
  CHECK(fault({.flags = 0x818b}) == "response code 11");
  const std::string other = Message{.type = 1}.wire();
  CHECK(bad(dns::read_message(octets(other), Type::txt)).message == "an answer to another question");
}

TEST_CASE("a message that breaks off anywhere, or continues after its end, is a fault") {
  const std::string whole =
      Message{.answers = {record("example.test", 16, "\1x")}, .authority = {soa_record(60, 60)}}.wire();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    CAPTURE(size);
    CHECK(bad(dns::read_message(octets(std::string_view(whole).substr(0, size)), Type::txt)).message ==
          "a malformed answer");
  }
  good(dns::read_message(octets(whole), Type::txt));
  const std::string longer = whole + "x";
  bad(dns::read_message(octets(longer), Type::txt));
}

TEST_CASE("keys count as signed if there is a signature with them") {
  const std::string key = record("", 48, "key");
  const std::string signature = record("", 46, "signature");
  const auto signed_keys = [](std::vector<std::string> answers) {
    const std::string wire = Message{.name = "", .type = 48, .answers = std::move(answers)}.wire();
    return dns::has_signed_keys(octets(wire));
  };
  CHECK(signed_keys({key, signature}));
  CHECK_FALSE(signed_keys({key}));
  CHECK_FALSE(signed_keys({signature}));
  CHECK_FALSE(signed_keys({}));
  CHECK_FALSE(dns::has_signed_keys({}));
}
