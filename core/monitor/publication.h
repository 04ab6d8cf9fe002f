// Publication: the published ports of the container that is attended to (core/ports), those that it was made
// with and those that come and go by `urc port`.
//
//   bound before the container --take()--> its network namespace is known
//                              --serve()-> the helper is in it, the ports accept      until_open() tells
//                                            add(), remove(), list()
//                              --finish()> no port accepts; what is on its way arrives, for kFinishBound
//
// As long as there is no port there is neither a helper process nor a buffer.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/log.h"
#include "core/ports/bound.h"
#include "core/ports/publisher.h"
#include "core/ports/waiters.h"
#include "uring/event.h"
#include "uring/nursery.h"

namespace urc::monitor {

class Publication {
public:
    // How long connections may take for what the container has sent when it ended.
    static constexpr std::chrono::seconds kFinishBound{2};

    // Opens the container's network namespace; the Error says why it has no ports.
    using OpenNetwork = std::function<Result<Fd>()>;

    Publication(Loop& loop, const Log& log) noexcept;
    Publication(const Publication&) = delete;
    Publication& operator=(const Publication&) = delete;
    ~Publication();

    // Before take().
    void set_bound(std::vector<ports::BoundPort> bound) { bound_ = std::move(bound); }
    // Before serve(). `network_namespace` may be left out: `open_network` is then asked by the first add().
    void take(Fd network_namespace, OpenNetwork open_network);

    // One task; until it is cancelled.
    Task<void> serve();

    // Beside serve(): until the ports that the container was made with accept. The Error is why they do not.
    Task<void> until_open();

    // As ports::Publisher has them.
    Task<ports::Spec> add(ports::Spec spec);
    Task<void> remove(ports::Spec spec);
    std::vector<ports::Publisher::Entry> list() const;

    // The container has ended.
    Task<void> finish();

private:
    struct Means;  // what publishing takes

    Task<void> publish();
    Task<void> until_published();

    Loop& loop_;
    const Log& log_;
    std::vector<ports::BoundPort> bound_;
    Fd network_namespace_;
    OpenNetwork open_network_;
    std::unique_ptr<Means> means_;
    ports::Publisher* publisher_ = nullptr;  // while it is open
    Nursery* nursery_ = nullptr;             // its own
    std::optional<Error> error_;             // why it could not be opened
    bool is_opening_ = false;
    bool is_finished_ = false;
    Event wanted_;
    ports::Waiters waiters_;  // for publisher_ or error_
};

}  // namespace urc::monitor
