#include "dns/message.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <resolv.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <tuple>

#include "base/text.h"
#include "base/try.h"

namespace starttls::dns {
namespace {

// A record of an answer. Its octets point into the message.
struct Record {
  std::string owner;  // in text form, as the C library writes it: escaped, without trailing dot
  int type = 0;
  std::uint32_t ttl = 0;
  Octets rdata;
};

// A name in the rdata, and how many octets it uses there.
struct Name {
  std::string text;
  std::size_t size = 0;
};

std::optional<Name> expand_name(Octets message, Octets at) {
  std::array<char, NS_MAXDNAME> text{};
  const int size =
      dn_expand(message.data(), message.data() + message.size(), at.data(), text.data(), text.size());
  if (size < 0 || static_cast<std::size_t>(size) > at.size()) return std::nullopt;
  return Name{text.data(), static_cast<std::size_t>(size)};
}

std::uint16_t number16(Octets octets) {
  return static_cast<std::uint16_t>(octets[0] << 8U | octets[1]);
}

std::uint32_t number32(Octets octets) {
  return std::uint32_t{number16(octets)} << 16U | number16(octets.subspan(2));
}

std::string byte_reader(Octets octets) {
  return {octets.begin(), octets.end()};
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() && to_lower(a) == to_lower(b);
}

std::optional<std::vector<Record>> records_of(ns_msg& handle, ns_sect section) {
  std::vector<Record> records;
  for (int i = 0; i < ns_msg_count(handle, section); ++i) {
    ns_rr record{};
    if (ns_parserr(&handle, section, i, &record) != 0) return std::nullopt;
    if (ns_rr_class(record) != ns_c_in) continue;
    std::string owner = ns_rr_name(record);
    if (owner == ".") owner.clear();
    // RFC 2181 section 8: a TTL with the first bit set is zero.
    const std::uint32_t ttl = ns_rr_ttl(record) >> 31U != 0 ? 0 : ns_rr_ttl(record);
    records.push_back({.owner = std::move(owner),
                       .type = ns_rr_type(record),
                       .ttl = ttl,
                       .rdata = {ns_rr_rdata(record), std::size_t{record.rdlength}}});
  }
  return records;
}

// The strings of a TXT record, joined (RFC 1035 section 3.3.14).
std::optional<std::string> text_of(Octets rdata) {
  if (rdata.empty()) return std::nullopt;
  std::string text;
  while (!rdata.empty()) {
    const std::size_t length = rdata[0];
    if (length >= rdata.size()) return std::nullopt;
    text += byte_reader(rdata.subspan(1, length));
    rdata = rdata.subspan(1 + length);
  }
  return text;
}

std::optional<Mx> mx_of(Octets message, Octets rdata) {
  if (rdata.size() < 3) return std::nullopt;
  const auto host = expand_name(message, rdata.subspan(2));
  if (!host || host->size != rdata.size() - 2) return std::nullopt;
  return Mx{number16(rdata), host->text};
}

std::optional<std::string> address_of(Octets rdata, int family) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (rdata.size() != (family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr))) return std::nullopt;
  return inet_ntop(family, rdata.data(), text.data(), text.size());
}

std::optional<Tlsa> tlsa_of(Octets rdata) {
  if (rdata.size() < 3) return std::nullopt;
  return Tlsa{rdata[0], rdata[1], rdata[2], byte_reader(rdata.subspan(3))};
}

template <class T>
bool add(std::vector<T>& to, std::optional<T> value) {
  if (!value) return false;
  to.push_back(std::move(*value));
  return true;
}

bool add_address(Answer& answer, std::optional<std::string> address) {
  if (address && answer.addresses.size() >= max_addresses) return true;
  return add(answer.addresses, std::move(address));
}

// Returns false if the record is malformed.
bool add_record(Answer& answer, Octets message, const Record& record) {
  switch (static_cast<Type>(record.type)) {
    case Type::a:
      return add_address(answer, address_of(record.rdata, AF_INET));
    case Type::aaaa:
      return add_address(answer, address_of(record.rdata, AF_INET6));
    case Type::mx:
      return add(answer.mxs, mx_of(message, record.rdata));
    case Type::txt:
      return add(answer.texts, text_of(record.rdata));
    case Type::tlsa:
      return add(answer.tlsas, tlsa_of(record.rdata));
    case Type::cname:
      break;  // handled by find_alias()
  }
  return false;
}

void shorten(Answer& answer, std::uint32_t ttl) {
  answer.ttl = std::min(answer.ttl, std::chrono::seconds{ttl});
}

const Record* find_cname(const std::vector<Record>& records, std::string_view owner) {
  const auto found = std::ranges::find_if(records, [&](const Record& record) {
    return record.type == ns_t_cname && same_name(record.owner, owner);
  });
  return found == records.end() ? nullptr : &*found;
}

Result<void> follow(const Record& cname, Answer& answer, Octets message) {
  const auto target = expand_name(message, cname.rdata);
  if (!target || target->size != cname.rdata.size())
    return fail(Fault::data, "a malformed answer: a CNAME record that is none");
  answer.canonical_name = target->text;
  shorten(answer, cname.ttl);
  return {};
}

// If the question is for a CNAME, the CNAME is the answer and is not followed (RFC 1034 section 3.6.2).
Result<void> find_alias(Answer& answer, Octets message, const std::vector<Record>& records) {
  const Record* const cname = find_cname(records, answer.canonical_name);
  if (cname == nullptr) return {};
  answer.status = Status::found;
  return follow(*cname, answer, message);
}

// Follows CNAMEs from the name in the question to the name that has the records, or that would have them.
Result<void> follow_cnames(Answer& answer, Octets message, const std::vector<Record>& records) {
  int links = 0;
  while (const Record* cname = find_cname(records, answer.canonical_name)) {
    if (++links > max_cname_chain) return fail(Fault::data, "a chain of CNAMEs that is too long, or a loop");
    TRY(follow(*cname, answer, message));
  }
  return {};
}

// RFC 2308 section 5: the smaller of the SOA's TTL and its last field. Without SOA a negative answer is not
// cached.
std::chrono::seconds negative_ttl(Octets message, const std::vector<Record>& authority) {
  const auto soa = std::ranges::find(authority, static_cast<int>(ns_t_soa), &Record::type);
  if (soa == authority.end()) return {};
  Octets rest = soa->rdata;
  for (int names = 0; names < 2; ++names) {
    const auto name = expand_name(message, rest);
    if (!name) return {};
    rest = rest.subspan(name->size);
  }
  constexpr std::size_t numbers = 5 * sizeof(std::uint32_t);
  if (rest.size() != numbers) return {};
  const std::uint32_t minimum = number32(rest.last(sizeof(std::uint32_t)));
  return std::min(std::chrono::seconds{std::min(soa->ttl, minimum)}, max_negative_ttl);
}

Result<Answer> malformed() {
  return fail(Fault::data, "a malformed answer");
}

// Rejects a message that cannot be an answer to one question of that type. Stores the name in the answer.
Result<Answer> read_head(ns_msg& handle, Type type) {
  if (ns_msg_getflag(handle, ns_f_qr) == 0) return malformed();
  const int rcode = ns_msg_getflag(handle, ns_f_rcode);
  if (rcode != ns_r_noerror && rcode != ns_r_nxdomain) return fail(Fault::data, "{}", rcode_name(rcode));
  if (ns_msg_getflag(handle, ns_f_tc) != 0) return fail(Fault::data, "a truncated answer");
  ns_rr question{};
  if (ns_msg_count(handle, ns_s_qd) != 1 || ns_parserr(&handle, ns_s_qd, 0, &question) != 0)
    return malformed();
  if (ns_rr_type(question) != static_cast<int>(type) || ns_rr_class(question) != ns_c_in)
    return fail(Fault::data, "an answer to another question");
  Answer answer;
  answer.status = rcode == ns_r_nxdomain ? Status::nxdomain : Status::nodata;
  answer.canonical_name = ns_rr_name(question);
  answer.ttl = max_ttl;
  return answer;
}

}  // namespace

Result<Answer> read_message(Octets message, Type type) {
  ns_msg handle{};
  if (message.size() > NS_MAXMSG ||
      ns_initparse(message.data(), static_cast<int>(message.size()), &handle) != 0)
    return malformed();
  auto answer = read_head(handle, type);
  if (!answer) return answer;
  const auto records = records_of(handle, ns_s_an);
  const auto authority = records_of(handle, ns_s_ns);
  if (!records || !authority) return malformed();
  const bool is_alias = type == Type::cname;
  TRY(is_alias ? find_alias(*answer, message, *records) : follow_cnames(*answer, message, *records));
  for (const Record& record : *records) {
    if (is_alias || record.type != static_cast<int>(type) || !same_name(record.owner, answer->canonical_name))
      continue;
    if (!add_record(*answer, message, record))
      return fail(Fault::data, "a malformed answer: a record that is not of its type");
    answer->status = Status::found;
    shorten(*answer, record.ttl);
  }
  if (answer->status != Status::found) answer->ttl = std::min(answer->ttl, negative_ttl(message, *authority));
  std::ranges::sort(answer->mxs, {}, [](const Mx& mx) { return std::tie(mx.preference, mx.host); });
  return answer;
}

bool has_signed_keys(Octets message) {
  ns_msg handle{};
  if (message.size() > NS_MAXMSG ||
      ns_initparse(message.data(), static_cast<int>(message.size()), &handle) != 0)
    return false;
  const auto records = records_of(handle, ns_s_an);
  const auto has = [&](int type) {
    return records && std::ranges::find(*records, type, &Record::type) != records->end();
  };
  return has(ns_t_dnskey) && has(ns_t_rrsig);
}

std::string rcode_name(int rcode) {
  constexpr std::array<std::string_view, 6> names{"NOERROR",  "FORMERR", "SERVFAIL",
                                                  "NXDOMAIN", "NOTIMP",  "REFUSED"};
  if (rcode >= 0 && static_cast<std::size_t>(rcode) < names.size())
    return std::string(names[static_cast<std::size_t>(rcode)]);
  return fmt::format("response code {}", rcode);
}

}  // namespace starttls::dns
