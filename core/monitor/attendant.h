// Attendant: what goes on beside one container while it lives. A foreground `run` has it beside its own work,
// the monitor that `run -d` and `create` leave behind has nothing else.
//
//   prepare()  sinks opened                         an Error here, and no container was made
//   take()     the container is there: monitor.sock is listened on
//   serve()    stdout, stderr or the terminal -> sinks      (core/relay)
//              notify.sock -> the manager                    (core/notify)
//              published ports -> the container              (publication.h)
//              monitor.sock                                  (control.h)
//   finish()   the init has ended: what is on its way is brought to its end, in this order
//                the ports, and what their connections still carry: Publication::kFinishBound
//                the last bytes of the output, whoever still holds its pipes: kGrandchildBound
//                the sinks, which may take long: until they have it, or hurry() was called and kHurryBound is
//                over messages to the manager, then those who are attached: their exit status
#pragma once

#include <signal.h>

#include <chrono>
#include <memory>

#include "core/monitor/control.h"
#include "core/monitor/pipes.h"
#include "core/monitor/publication.h"
#include "core/notify/proxy.h"
#include "core/relay/output.h"
#include "core/runtime.h"
#include "uring/event.h"
#include "uring/nursery.h"

namespace urc::monitor {

// As wait(2) gives it.
int wait_status_of(const siginfo_t& info);

class Attendant final : private Subject {
public:
    // How long processes that the init leaves behind may keep its output open.
    static constexpr std::chrono::seconds kGrandchildBound{2};
    // How long sinks have once somebody waits for us.
    static constexpr std::chrono::seconds kHurryBound{5};

    // Whether there is anything to attend to.
    static bool is_wanted(const CreateOptions& options) {
        return !options.sinks.empty() || !options.notify.socket.empty() || has_relayed_port(options);
    }

    struct Options {
        const Global& global;  // both outlive it
        const CreateOptions& create;
        bool is_detached = false;  // nobody else stays with the container
        pid_t starter = 0;         // then: whom the manager has started
    };
    // `pipes`: of them it keeps its own ends.
    static Result<std::unique_ptr<Attendant>> prepare(Loop& loop, const Options& options, Pipes& pipes);
    Attendant(const Attendant&) = delete;
    Attendant& operator=(const Attendant&) = delete;
    ~Attendant();

    // The container as launch() left it.
    struct Container {
        const State& state;
        int directory = -1;  // ROOT/ID; borrowed for the call
        int init = -1;       // its pidfd; borrowed, like the terminal
        int terminal = -1;   // -1: none here
        Fd notify_socket;
        Fd network_namespace;  // where ports are published from the start
    };
    Result<void> take(Container container);

    // A client that waits for READY=1 (Control::adopt).
    void adopt(Fd connection) { control_.adopt(std::move(connection)); }

    // Whether it takes what the container's terminal says.
    bool relays_terminal() const { return output_ && terminal_ >= 0; }
    bool is_ready() const { return !proxy_ || proxy_->is_ready(); }

    // One task; until it is cancelled.
    Task<void> serve();
    // Beside serve(): until the ports accept that the container was made with, or the Error that says why
    // not.
    Task<void> until_open() { return publication_.until_open(); }
    // Beside serve(). `wait_status` as wait(2) gives it.
    Task<void> finish(int wait_status);
    // Somebody waits for our end.
    void hurry();
    // SIGHUP.
    void rotate();

private:
    Attendant(Loop& loop, const Options& options);

    static bool has_relayed_port(const CreateOptions& options);
    Result<void> open_proxy(Container& container);
    Task<void> serve_output();
    Task<void> serve_proxy();
    Task<void> serve_ports();
    Task<void> tell_ready();
    Task<void> finish_output();
    Task<void> finish_proxy();
    Task<void> until_hurry_is_over();

    relay::Output* output() override { return output_.get(); }
    int input() override { return terminal_ >= 0 ? terminal_ : input_.get(); }
    bool has_terminal() const override { return terminal_ >= 0; }
    void resize(const Resize& size) override;
    void close_input() override { input_.reset(); }
    void signal(int number) override;
    Publication& publication() override { return publication_; }
    bool awaits_ready() const override { return !is_ready(); }

    Loop& loop_;
    Options options_;

    std::unique_ptr<relay::Output> output_;
    std::unique_ptr<notify::Proxy> proxy_;
    Fd listener_;
    Fd out_, err_, input_;
    int terminal_ = -1;  // the master, borrowed
    Fd slave_;           // of the terminal
    int init_ = -1;      // its pidfd, borrowed

    Publication publication_;
    Control control_;
    Nursery* relays_ = nullptr;  // while there is something to relay
    bool is_output_over_ = false;
    Event output_over_;
    Nursery* serving_ = nullptr;  // while the proxy listens
    bool is_proxy_over_ = false;
    Event proxy_over_;
    bool is_hurried_ = false;
    Event hurried_;
};

}  // namespace urc::monitor
