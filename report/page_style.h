// The style of the page of `tlsrpt-report html`, from page_style.css.
#pragma once

#include <string_view>

namespace starttls::report {

// CSS. Colours are custom properties that charts use by name: --tls, --plaintext, --failed, --reported,
// --good.
std::string_view page_style();

}  // namespace starttls::report
