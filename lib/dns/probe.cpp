#include "dns/probe.h"

#include <utility>

#include "base/try.h"

namespace starttls::dns {
namespace {

constexpr int type_dnskey = 48;  // RFC 4034 section 2
constexpr int rcode_nxdomain = 3;

}  // namespace

Result<std::unique_ptr<Probe>> Probe::begin(event::Loop& loop, ContextSettings settings,
                                            const std::string& anchor, std::chrono::milliseconds timeout,
                                            Done done) {
  settings.trust_anchor.clear();
  std::unique_ptr<Probe> probe(new Probe(loop, TRY(Context::create(loop, settings)), std::move(done)));
  probe->over_.start(timeout);
  const auto question = TRY(probe->context_->ask(anchor, type_dnskey, *probe));
  if (!probe->has_reply_) probe->question_ = question;
  return probe;
}

Probe::Probe(event::Loop& loop, std::unique_ptr<Context> context, Done done)
    : context_(std::move(context)), over_(loop, [this, done = std::move(done)] { done(outcome_); }) {}

Probe::~Probe() {
  if (question_) context_->give_up(*question_);
}

void Probe::on_reply(const Reply& reply) {
  has_reply_ = true;
  question_.reset();
  // SERVFAIL and similar answers prove nothing about signatures. A missing key does: there is an anchor for
  // the keys.
  if (reply.rcode == 0 || reply.rcode == rcode_nxdomain)
    outcome_ = has_signed_keys(reply.message) ? Signatures::present : Signatures::stripped;
  over_.start(std::chrono::milliseconds{0});
}

}  // namespace starttls::dns
