// Bounces without a delivery status, which qmail and others send: they name the recipients in their text or in their
// header. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "mail/delivery_status.h"

namespace starttls::mail {

inline constexpr std::size_t max_diagnostic = 1'000;  // bytes of the reason that a text gives

// Whether the text of a mail is a bounce in qmail's format (QSBMF, D. J. Bernstein, 1997).
bool is_qmail_bounce(std::string_view text);

// The recipients of such a text, and the Message-ID in the mail that follows them (QSBMF section 2). All have failed
// permanently, unless the reason has a status of another class: "(#4.4.1)".
Bounce parse_qmail_bounce(std::string_view text);

// Whether the header of a mail has X-Failed-Recipients, which Exim and Google write.
bool names_failed_recipients(std::string_view header);

// The recipients in that field. They have failed permanently, unless the subject says that the mail is delayed. The
// Message-ID is that of the mail whose copy is in the text or, without a copy, the one that In-Reply-To or References
// names.
Bounce parse_failed_recipients(std::string_view header, std::string_view text);

}  // namespace starttls::mail
