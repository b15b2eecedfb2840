// Whose the policies of reports are that are being read: by what is known, and where that is not enough
// by what the sessions, the reports that were read before and, where it may be asked, the DNS say.
#pragma once

#include <memory>
#include <vector>

#include "report/other_domains.h"
#include "report/our_domains.h"
#include "report/parsing.h"
#include "report/report_assembler.h"
#include "report/surroundings.h"
#include "tlsrptdb/own_domains.h"

namespace starttls::report {

class OwnerLookup {
 public:
  // The surroundings must outlive it. With `may_look_up` the MX hosts of our domains are asked for, once.
  OwnerLookup(const Surroundings& surroundings, bool may_look_up);

  // Adds to the oddities of a report what is of other domains, and to others() its sessions.
  void look_at(Input& input);

  const OtherDomains& others() const { return others_; }
  // What the DNS said, to be kept.
  const std::vector<tlsrptdb::SeenMxHost>& found_mx_hosts() const { return found_; }

 private:
  std::vector<PolicyOwner> judged(const Input& input) const;
  void find_out();

  const Surroundings& surroundings_;
  bool may_look_up_;
  OurDomains facts_;
  bool is_complete_ = false;
  SeenMxHosts seen_;
  OtherDomains others_;
  std::vector<tlsrptdb::SeenMxHost> found_;
};

}  // namespace starttls::report
