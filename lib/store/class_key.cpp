#include "store/class_key.h"

#include "store/row_key.h"

namespace starttls::store {

std::string class_key(const SessionClass& of) {
  return row_key({of.receiving_mx, of.client_address, of.client_name, to_string(of.outcome), of.tls_version,
                  of.cipher, std::to_string(of.cipher_bits), to_string(of.client_certificate),
                  to_string(of.failure), of.downgraded ? "1" : "0"});
}

}  // namespace starttls::store
