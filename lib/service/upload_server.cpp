#include "service/upload_server.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <fmt/ranges.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "base/ip_address.h"
#include "base/public_address.h"
#include "base/text.h"

namespace starttls::service {
namespace {

constexpr int idle_seconds = 10;
constexpr std::size_t header_bytes = 8192;
constexpr int unsupported_media_type = 415;
constexpr int pause_seconds = 1;  // while there is no descriptor for another connection

std::string content_type_of(evhttp_request* request) {
  const char* const header = evhttp_find_header(evhttp_request_get_input_headers(request), "Content-Type");
  if (header == nullptr) return {};
  const std::string_view text = header;
  return to_lower(trim(text.substr(0, text.find(';'))));
}

// "" of a unix socket.
std::string peer_of(evhttp_request* request) {
  bufferevent* const connection = evhttp_connection_get_bufferevent(evhttp_request_get_connection(request));
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  auto* const peer = reinterpret_cast<sockaddr*>(&address);
  return ::getpeername(bufferevent_getfd(connection), peer, &size) == 0 ? address_text(*peer) : "";
}

bool is_this_host(std::string_view peer) {
  if (peer.empty()) return true;
  const auto address = IpAddress::parse(peer);
  return address && (address->is_ipv4() ? address->bytes()[0] == 127 : address->text() == "::1");
}

// Of several fields the last one counts, as of several addresses in one.
std::string last_forwarded(evhttp_request* request) {
  std::string_view all;
  const evkeyvalq* const fields = evhttp_request_get_input_headers(request);
  for (const evkeyval* field = fields->tqh_first; field != nullptr; field = field->next.tqe_next) {
    if (to_lower(field->key) == "x-forwarded-for") all = field->value;
  }
  const auto comma = all.rfind(',');
  const std::string last(trim(comma == std::string_view::npos ? all : all.substr(comma + 1)));
  return is_address(last) ? last : "";
}

std::string client_of(evhttp_request* request) {
  const std::string peer = peer_of(request);
  return is_this_host(peer) ? last_forwarded(request) : peer;
}

void send(evhttp_request* request, const UploadAnswer& answer) {
  evkeyvalq* const fields = evhttp_request_get_output_headers(request);
  evhttp_add_header(fields, "Content-Type", "text/plain; charset=utf-8");
  // A connection that was kept could end at the moment in which its client, a web server, uses it for the next report.
  evhttp_add_header(fields, "Connection", "close");
  if (answer.retry_after.count() > 0)
    evhttp_add_header(fields, "Retry-After", std::to_string(answer.retry_after.count()).c_str());
  if (evhttp_request_get_command(request) != EVHTTP_REQ_HEAD) {
    evbuffer* const output = evhttp_request_get_output_buffer(request);
    evbuffer_add(output, answer.text.data(), answer.text.size());
    evbuffer_add(output, "\n", 1);
  }
  evhttp_send_reply(request, answer.status, nullptr, nullptr);
}

void answer(evhttp_request* request, const UploadSettings& settings) {
  if (evhttp_request_get_command(request) != EVHTTP_REQ_POST) {
    evhttp_add_header(evhttp_request_get_output_headers(request), "Allow", "POST");
    return send(request, {.status = HTTP_BADMETHOD, .text = "only POST is taken"});
  }
  evbuffer* const input = evhttp_request_get_input_buffer(request);
  const std::size_t size = evbuffer_get_length(input);
  const auto* const bytes = reinterpret_cast<const char*>(evbuffer_pullup(input, -1));
  const std::string type = content_type_of(request);
  const auto& types = settings.content_types;
  if (!types.empty() && std::ranges::find(types, type) == types.end()) {
    return send(request, {.status = unsupported_media_type,
                          .text = fmt::format("only {} {} taken", fmt::join(types, " and "),
                                              types.size() == 1 ? "is" : "are")});
  }
  const std::string client = client_of(request);
  send(request, settings.take({.content_type = type,
                               .body = size == 0 ? std::string_view() : std::string_view(bytes, size),
                               .client = client}));
}

// A connection that finds no descriptor would be reported as ready again and again.
void stop_accepting_for_now(evconnlistener* listener, void*) {
  evconnlistener_disable(listener);
  const timeval pause{.tv_sec = pause_seconds, .tv_usec = 0};
  event_base_once(
      evconnlistener_get_base(listener), -1, EV_TIMEOUT,
      [](evutil_socket_t, short, void* paused) {
        evconnlistener_enable(static_cast<evconnlistener*>(paused));
      },
      listener, &pause);
}

}  // namespace

UploadServer::UploadServer(UploadSettings settings)
    : settings_(std::move(settings)), server_(nullptr, &evhttp_free) {}
UploadServer::~UploadServer() = default;

Result<std::unique_ptr<UploadServer>> UploadServer::create(event::Loop& loop, UniqueFd listening,
                                                           UploadSettings settings) {
  std::unique_ptr<UploadServer> made(new UploadServer(std::move(settings)));
  made->server_.reset(evhttp_new(loop.base()));
  evhttp* const server = made->server_.get();
  if (server == nullptr) return fail(Fault::unavailable, "evhttp_new failed");
  evhttp_set_timeout(server, idle_seconds);
  evhttp_set_max_headers_size(server, header_bytes);
  evhttp_set_max_body_size(server, static_cast<ev_ssize_t>(made->settings_.max_size));
  constexpr auto others = EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE |
                          EVHTTP_REQ_OPTIONS | EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH;
  evhttp_set_allowed_methods(server, EVHTTP_REQ_POST | others);
  evhttp_set_gencb(
      server,
      [](evhttp_request* request, void* settings_) {
        answer(request, *static_cast<const UploadSettings*>(settings_));
      },
      &made->settings_);
  // From here on the server owns the descriptor.
  evhttp_bound_socket* const bound = evhttp_accept_socket_with_handle(server, listening.get());
  if (bound == nullptr) return fail(Fault::unavailable, "evhttp cannot accept");
  (void)listening.release();
  evconnlistener_set_error_cb(evhttp_bound_socket_get_listener(bound), &stop_accepting_for_now);
  return made;
}

}  // namespace starttls::service
