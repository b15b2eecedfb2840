// The parts of the page, from top to bottom. A part without content is a sentence about that, or "".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "report/page.h"

namespace starttls::report {

std::string attention_section(const PageContent& content);
std::string check_section(const PageContent& content);
std::string downgrades_section(const PageContent& content);
std::string tiles(const PageContent& content);
std::string days_section(const PageContent& content);
std::string versions_section(const PageContent& content);
std::string failures_section(const PageContent& content);
std::string senders_section(const PageContent& content);
std::string reporters_section(const PageContent& content);
std::string domains_section(const PageContent& content);
std::string outbound_section(const PageContent& content);
std::string glossary_section(const PageContent& content);

std::size_t count_downgraded_senders(const PageContent& content);

// percent(), for a cell.
std::string share_html(std::uint64_t part, std::uint64_t whole);

}  // namespace starttls::report
