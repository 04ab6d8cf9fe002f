// PortApi: rootlesskit's API of published ports, version 1, without the sockets: a request in, an answer out.
//
//   GET    /v1/info         200  {"apiVersion":"1.1.1", ...}
//   GET    /v1/ports        200  [{"id":1,"spec":{"proto":"tcp","parentPort":8080,"childPort":80}}], or null
//   POST   /v1/ports        201  {"id":2,"spec":{...}}, as it was asked for
//   DELETE /v1/ports/ID     200  nothing
//   what cannot be done     400  {"message":"conflict with ID 1"}
//
// It answers what rootlesskit 1.1 answers, oddities included: an empty list is null, an error is sent as
// plain text. IDs count from 1 and never come again. A port without an address inside leads where
// rootlesskit's would: see choose_child_address().
#pragma once

#include <map>
#include <string>

#include "core/ports/publisher.h"
#include "core/ports/rootlesskit/http.h"

namespace urc::ports::rootlesskit {

struct PortApiOptions {
    std::string state_dir;
    pid_t child_pid = 0;
};

class PortApi {
public:
    PortApi(Publisher& publisher, PortApiOptions options)
        : publisher_(publisher), options_(std::move(options)) {}
    PortApi(const PortApi&) = delete;
    PortApi& operator=(const PortApi&) = delete;

    // A port that is open already, as it was asked for and as it was opened. It gets the next ID.
    int enter(const Spec& asked, const Spec& opened);

    Task<HttpResponse> handle(HttpRequest request);

private:
    // A spec in the API's own words; what is empty is not said.
    struct Words {
        std::string proto, parent_ip, child_ip;
        std::int64_t parent_port = 0, child_port = 0;
    };
    struct Entry {
        Words words;
        Spec opened;
    };

    HttpResponse info() const;
    HttpResponse list() const;
    HttpResponse add(const std::string& body);
    Task<HttpResponse> remove(std::string id);
    Result<Spec> check(const Words& words) const;
    static std::string status(int id, const Words& words);

    Publisher& publisher_;
    PortApiOptions options_;
    std::map<int, Entry> entries_;
    int next_id_ = 1;
};

}  // namespace urc::ports::rootlesskit
