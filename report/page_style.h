// What the page of `tlsrpt-report html` has beside the style of all pages: charts. From page_style.css.
#pragma once

#include "html/page.h"

namespace starttls::report {

html::Asset page_style();

}  // namespace starttls::report
