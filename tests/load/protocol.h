// The MTA's side of libmilter's wire protocol, version 6: packets of a length (u32, big endian, of the rest),
// a command byte and data. <libmilter/mfdef.h> names the commands. This is a second implementation, so that
// an error in one is not in both.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace starttls::load {

namespace command {  // MTA to filter
inline constexpr char abort = 'A';
inline constexpr char connect = 'C';
inline constexpr char macros = 'D';
inline constexpr char end_of_message = 'E';
inline constexpr char helo = 'H';
inline constexpr char mail = 'M';
inline constexpr char negotiate = 'O';
inline constexpr char quit = 'Q';
inline constexpr char recipient = 'R';
}  // namespace command

namespace reply {  // filter to MTA
inline constexpr char accept = 'a';
inline constexpr char negotiate = 'O';
inline constexpr std::string_view finals = "acdrtys";      // end the wait of a step
inline constexpr std::string_view others = "+-2behimpq4";  // changes to a message, and "still working"
}  // namespace reply

namespace flag {  // protocol steps that the filter does not want, or does not answer
inline constexpr std::uint32_t no_connect = 0x1;
inline constexpr std::uint32_t no_helo = 0x2;
inline constexpr std::uint32_t no_mail = 0x4;
inline constexpr std::uint32_t no_recipient = 0x8;
inline constexpr std::uint32_t unanswered_connect = 0x1000;
inline constexpr std::uint32_t unanswered_helo = 0x2000;
inline constexpr std::uint32_t unanswered_mail = 0x4000;
inline constexpr std::uint32_t unanswered_recipient = 0x8000;
}  // namespace flag

// The step at which macros are sent; libmilter's numbers.
enum class Stage : std::uint32_t { connect = 0, helo = 1, mail = 2, recipient = 3, end_of_message = 5 };

void append_packet(std::string& out, char command, std::string_view data = {});

// The length of the first packet in the bytes, including its head.
std::size_t packet_size(std::string_view bytes);

struct Packet {
  char command = 0;
  std::string data;
};

// Cuts a stream of bytes into packets.
class PacketReader {
 public:
  void feed(std::string_view bytes) { buffer_ += bytes; }
  // The next complete packet, if there is one. A length that no filter sends returns a packet of command 0.
  std::optional<Packet> next();

 private:
  std::string buffer_;
};

// The result of the negotiation.
struct Negotiation {
  std::uint32_t steps = 0;                             // of `flag`
  std::map<Stage, std::set<std::string>> macro_lists;  // a stage without a list gets all macros

  bool has(std::uint32_t flags) const { return (steps & flags) != 0; }
  bool wants_macro(Stage stage, const std::string& name) const;
};

// What Postfix and Sendmail offer: every action, every step.
std::string offer();

// The filter's answer; nothing if it is malformed.
std::optional<Negotiation> parse_negotiation(std::string_view data);

}  // namespace starttls::load
