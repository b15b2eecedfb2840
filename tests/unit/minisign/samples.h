// Keys and signatures that the minisign program made, for the file with the content `file_content`.
#pragma once

#include <string>

namespace starttls::test {

inline const std::string file_content = "The quick brown fox\n";

inline const std::string key_a = "RWT0ZcsxF33skkYw6puj0cvEk5/OPmPwP8bjgNmMCouN3LnZrMXIVfoq";
inline const std::string key_b = "RWQicweluI6alpnW6CATFOpbGlGLAdADtMtXejphzY2EqC/enbN2VKPc";
inline const std::string id_of_a = "92EC7D1731CB65F4";
inline const std::string id_of_b = "969A8EB8A5077322";

// By key A, prehashed.
inline const std::string prehashed =
    "untrusted comment: not trusted\n"
    "RUT0ZcsxF33skmOM09DtwR49OkkY2cDPTDBmS/OmugL9jWeyh2LJ1Tl07ci+rh2B066YKJq10qrY7fJZQZoELfpb4OAaDU5M9g0=\n"
    "trusted comment: first comment\n"
    "xjZ8tL2LKWJeyJT9JH/wD7zf9duyqkS8XFCjdUPDbldPRPijTBVJrEXlnJnlHKD7Ppb8pEaWiodaVBoFtmt7Cw==\n";

// By key A, legacy.
inline const std::string legacy =
    "untrusted comment: signature from minisign secret key\n"
    "RWT0ZcsxF33skpN/3ewHHtOKJ7jSnIky+lyPpZOSP+fQCQmYoAE/rkqpu4qfyoqZPNdH6Uk3q8wL0/bo8BtqUtag24pwjX2kMQI=\n"
    "trusted comment: legacy comment\n"
    "fPHo3E1G896le1do4JBcCStMAaA+96LQ5RTnpNYOTiJd/wYvmREuwN+EJzavcv5B15xjLvn40OLj3ceTkDQCDg==\n";

inline std::string replaced(std::string text, const std::string& what, const std::string& with) {
  return text.replace(text.find(what), what.size(), with);
}

}  // namespace starttls::test
