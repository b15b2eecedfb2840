#include "report/contact.h"

#include "support.h"

using starttls::report::parse_contact;

TEST_CASE("the submitter is the domain of the contact, whatever its form") {
  struct Case {
    const char* contact;
    const char* domain;
    const char* sender;
  };
  constexpr const char* postmaster = "postmaster@mx1.host.test";
  for (const Case& one :
       {Case{"tls@example.org", "example.org", "tls@example.org"},
        Case{" TLS@Example.ORG. ", "example.org", "TLS@example.org"},
        Case{"mailto:tls@example.org", "example.org", "tls@example.org"},
        Case{"MAILTO:tls@example.org?subject=TLS", "example.org", "tls@example.org"},
        Case{"TLS reports <tls@example.org>", "example.org", "tls@example.org"},
        Case{"tls@gr\xC3\xA4"
             "fe.example",
             "xn--grfe-moa.example", "tls@xn--grfe-moa.example"},
        Case{"https://www.example.org/contact?x=a@b.test", "www.example.org", postmaster},
        Case{"o'brien@example.org", "example.org", postmaster}, Case{"", "mx1.host.test", postmaster},
        Case{"call us", "mx1.host.test", postmaster}, Case{"tls@", "mx1.host.test", postmaster},
        Case{"tls@localhost", "mx1.host.test", postmaster},
        Case{"tls@192.0.2.1", "mx1.host.test", postmaster}, Case{"tel:+49-30-1", "mx1.host.test", postmaster},
        Case{"a@b\r\nBcc: c@d.test", "mx1.host.test", postmaster}}) {
    CAPTURE(one.contact);
    const auto found = parse_contact(one.contact, "mx1.host.test");
    CHECK(found.domain == one.domain);
    CHECK(found.sender == one.sender);
  }
}
