// noop-milter SOCKET: a filter on libmilter that requests the same data as tlsrpt-milter and does nothing
// with it. Its cost is the cost of libmilter, with which the rows about the milter are compared.

#include <cstdio>
#include <string>

#include "milter/negotiation.h"

namespace {

template <class... Arguments>
sfsistat go_on(SMFICTX*, Arguments...) {
  return SMFIS_CONTINUE;
}

sfsistat do_not_answer(SMFICTX*, char**) {
  return SMFIS_NOREPLY;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: noop-milter SOCKET\n", stderr);
    return 64;
  }
  std::string name = "noop-milter";
  smfiDesc filter{};
  filter.xxfi_name = name.data();
  filter.xxfi_version = SMFI_VERSION;
  filter.xxfi_connect = go_on<char*, _SOCK_ADDR*>;
  filter.xxfi_helo = go_on<char*>;
  filter.xxfi_envfrom = do_not_answer;
  filter.xxfi_envrcpt = go_on<char**>;
  filter.xxfi_eom = go_on<>;
  filter.xxfi_abort = go_on<>;
  filter.xxfi_close = go_on<>;
  filter.xxfi_negotiate = starttls::milter::negotiate;
  const bool ready = smfi_register(filter) == MI_SUCCESS && smfi_setconn(argv[1]) == MI_SUCCESS;
  return ready && smfi_main() == MI_SUCCESS ? 0 : 69;
}
