#include "service/page_server.h"

#include <event2/buffer.h>
#include <event2/http.h>

#include <string_view>

namespace starttls::service {
namespace {

constexpr int idle_seconds = 10;
constexpr std::size_t header_bytes = 8192;

void answer(evhttp_request* request, const Page& page) {
  const evhttp_uri* const uri = evhttp_request_get_evhttp_uri(request);
  const char* const path = uri == nullptr ? nullptr : evhttp_uri_get_path(uri);
  if (path == nullptr || page.path != path) return evhttp_send_error(request, HTTP_NOTFOUND, nullptr);
  const std::string text = page.text();
  evkeyvalq* const headers = evhttp_request_get_output_headers(request);
  evhttp_add_header(headers, "Content-Type", page.content_type.c_str());
  evbuffer_add(evhttp_request_get_output_buffer(request), text.data(), text.size());
  evhttp_send_reply(request, HTTP_OK, "OK", nullptr);
}

}  // namespace

PageServer::PageServer(Page page) : page_(std::move(page)), server_(nullptr, &evhttp_free) {}
PageServer::~PageServer() = default;

Result<std::unique_ptr<PageServer>> PageServer::create(event::Loop& loop, UniqueFd listening, Page page) {
  std::unique_ptr<PageServer> made(new PageServer(std::move(page)));
  made->server_.reset(evhttp_new(loop.base()));
  evhttp* const server = made->server_.get();
  if (server == nullptr) return fail(Fault::unavailable, "evhttp_new failed");
  evhttp_set_timeout(server, idle_seconds);
  evhttp_set_max_headers_size(server, header_bytes);
  evhttp_set_max_body_size(server, 0);
  evhttp_set_allowed_methods(server, EVHTTP_REQ_GET | EVHTTP_REQ_HEAD);
  evhttp_set_gencb(
      server, [](evhttp_request* request, void* page_) { answer(request, *static_cast<const Page*>(page_)); },
      &made->page_);
  // From here on the server owns the descriptor.
  if (evhttp_accept_socket(server, listening.get()) != 0)
    return fail(Fault::unavailable, "evhttp cannot accept");
  (void)listening.release();
  return made;
}

}  // namespace starttls::service
