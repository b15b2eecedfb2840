// Finds out whether the policies of reports that are being read are ours: from the configuration and, if that
// is not enough, from the recorded sessions, from earlier reports and, if allowed, from the DNS.
#pragma once

#include <memory>
#include <vector>

#include "report/context.h"
#include "report/other_domains.h"
#include "report/our_domains.h"
#include "report/parsing.h"
#include "report/report_assembler.h"
#include "tlsrptdb/own_domains.h"

namespace starttls::report {

class OwnerLookup {
 public:
  // The context must outlive this object. With `may_look_up` the MX hosts of our domains are looked up, once.
  OwnerLookup(const Context& context, bool may_look_up);

  // Warns about policies of other domains, and adds their sessions to others().
  void check(Input& input);

  const OtherDomains& others() const { return others_; }
  // The answers of the DNS, to be stored.
  const std::vector<tlsrptdb::SeenMxHost>& found_mx_hosts() const { return found_; }

 private:
  std::vector<PolicyOwner> owners_of(const Input& input) const;
  void look_up();

  const Context& context_;
  bool may_look_up_;
  OurDomains ours_;
  bool is_complete_ = false;
  SeenMxHosts seen_;
  OtherDomains others_;
  std::vector<tlsrptdb::SeenMxHost> found_;
};

}  // namespace starttls::report
