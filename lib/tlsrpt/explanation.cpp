#include "tlsrpt/explanation.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace starttls::tlsrpt {
namespace {

struct Entry {
  std::string_view result_type;
  Explanation explanation;
};

constexpr std::array entries{
    Entry{"starttls-not-supported",
          {.meaning = "The MX host did not offer STARTTLS to the sender.",
           .cause = "TLS is switched off on one of the MX hosts, a firewall or proxy that rewrites SMTP "
                    "stands before it, or somebody on the path strips STARTTLS.",
           .remedy = "Ask the MX host that is named for EHLO from outside the network. Where it offers "
                     "STARTTLS there, suspect the path to this sender."}},
    Entry{"certificate-host-mismatch",
          {.meaning =
               "The certificate of the MX host is not valid for the name under which the sender reached it.",
           .cause = "The name of the MX record is missing among the subject alternative names, or the host "
                    "shows its default certificate.",
           .remedy = "Have the certificate issued for the name of every MX record that points to the host."}},
    Entry{"certificate-expired",
          {.meaning = "The certificate of the MX host has expired.",
           .cause = "It was not renewed, or it was, and the mail server still has the old one in memory.",
           .remedy =
               "Renew it, have the mail server reload it, and watch the date of each MX host from outside."}},
    Entry{
        "certificate-not-trusted",
        {.meaning = "The sender does not trust who issued the certificate of the MX host.",
         .cause = "An intermediate certificate is missing in what the host sends, or the certificate is "
                  "self-signed or of a private authority.",
         .remedy =
             "Install the full chain. MTA-STS takes a public authority; for another, publish TLSA records."}},
    Entry{"validation-failure",
          {.meaning = "TLS failed in a way for which there is no type of its own.",
           .cause = "No protocol version or cipher in common, a broken handshake, or a connection that was "
                    "cut; the reason code often says why.",
           .remedy =
               "Look at the reason code and at the mail log of the MX host that is named, at that time."}},
    Entry{"tlsa-invalid",
          {.meaning = "No TLSA record of the MX host fits the certificate that it shows.",
           .cause = "The certificate or its key was changed before the TLSA records were, or the records are "
                    "malformed.",
           .remedy = "Publish the record of the new key beside the old one, wait for twice the TTL, and only "
                     "then change the certificate."}},
    Entry{"dnssec-invalid",
          {.meaning =
               "The sender's resolver could not validate the DNSSEC signatures of the domain or the MX host.",
           .cause =
               "Signatures have expired, or the DS record at the parent does not fit the keys of the zone.",
           .remedy = "Check the chain from the root to the zone of the MX host, and that the signer runs."}},
    Entry{"dane-required",
          {.meaning = "The sender demands DANE, and found no TLSA records to go by.",
           .cause = "The MX host has none, or its zone is not signed, while this sender was configured to "
                    "require them.",
           .remedy = "Publish TLSA records in a signed zone, or ask the sender why it demands them."}},
    Entry{"sts-policy-fetch-error",
          {.meaning = "The sender saw that there is an MTA-STS policy, and could not fetch it.",
           .cause = "The policy host is down, its certificate is not valid for its name, it redirects, or it "
                    "does not answer with status 200.",
           .remedy = "Fetch https://mta-sts.DOMAIN/.well-known/mta-sts.txt from outside, without following "
                     "redirects."}},
    Entry{"sts-policy-invalid",
          {.meaning = "The sender fetched the MTA-STS policy, and could not make sense of it.",
           .cause = "A field is missing or misspelt, or a page of HTML is in its place.",
           .remedy = "Check the policy with starttls-listtool lint policy FILE."}},
    Entry{"sts-webpki-invalid",
          {.meaning = "The certificate of the policy host, or, as some senders use it, of the MX host, "
                      "failed the validation that MTA-STS demands.",
           .cause = "It has expired, is not for that name, or is not from a public authority; or the MX host "
                    "is not in the policy.",
           .remedy = "Check the certificates of mta-sts.DOMAIN and of every MX host, and that the policy "
                     "names each of them."}},
};

constexpr Explanation without_details{
    .meaning = "The report counts these failures, and gives no details of them.",
    .cause = "RFC 8460 does not demand details, and some senders give none, or not for all failures.",
    .remedy =
        "Look at the mail log of the MX hosts on that day, at failures that other senders report, or ask the "
        "contact of the report."};

constexpr Explanation without_type{
    .meaning = "The report gives details of these failures, but no type.",
    .cause = "It can be read only from the reason code and the further information, where there are any.",
    .remedy =
        "Look at the mail log of the MX host that is named, at that time, or ask the contact of the report."};

constexpr Explanation unknown{
    .meaning = "The sender gave a type of failure that RFC 8460 does not have.",
    .cause = "It can be read only from the reason code and the further information, where there are any.",
    .remedy =
        "Look at the mail log of the MX host that is named, at that time, or ask the contact of the report."};

}  // namespace

const Explanation& explain_result_type(std::string_view result_type) {
  if (result_type == no_details_given) return without_details;
  if (result_type == no_type_given) return without_type;
  const auto found = std::ranges::find(entries, to_lower(result_type), &Entry::result_type);
  return found == entries.end() ? unknown : found->explanation;
}

bool is_known_result_type(std::string_view result_type) {
  return std::ranges::find(entries, to_lower(result_type), &Entry::result_type) != entries.end();
}

}  // namespace starttls::tlsrpt
