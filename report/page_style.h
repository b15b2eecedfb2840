// How the page of `tlsrpt-report html` looks: on a phone, on a large screen, light, dark and on paper.
#pragma once

#include <string_view>

namespace starttls::report {

// CSS. Colours are custom properties, which charts name: --tls, --plaintext, --failed, --reported, --good.
std::string_view page_style();

}  // namespace starttls::report
