// Bus: the conversation with systemd (org.freedesktop.systemd1(5)). Opened for one call or two and closed
// again: a message bus has room for a few hundred callers at a time, and containers live long.
//
//   urc                          systemd
//     |--- StartTransientUnit ------>|   the scope, its limits, the pid of its first process
//     |<-- job ----------------------|   systemd makes the cgroup and moves the process into it
//     |<-- JobRemoved(job, done) ----|   now that has happened
//
// Over the message bus; where there is none (a small machine) over systemd's own socket, which takes the same
// calls. All waiting ends after 30 seconds.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/systemd/property.h"
#include "core/systemd/unit_name.h"
#include "uring/result.h"

struct sd_bus;
struct sd_bus_message;

namespace urc::systemd {

struct SdBus;

class Bus {
public:
    // The system's, or the user's by $DBUS_SESSION_BUS_ADDRESS, else $XDG_RUNTIME_DIR. Never starts one.
    static Result<Bus> connect(Instance instance);
    Bus(Bus&&) noexcept;
    ~Bus();

    // systemd's own cgroup, below which all its units are: "" when that is the root.
    Result<std::string> control_group();

    // "252.39-1~deb12u2" is 252; 0 when it cannot be read.
    Result<unsigned> version();

    // Makes the scope and waits until its processes (property PIDs) are in it. A failed unit of the same name
    // that nobody has collected is done away with first; one that lives is EEXIST.
    Result<void> start_scope(const UnitName& name, Properties properties);

    // Until the unit ends, not longer (systemd.unit(5), --runtime); survives daemon-reload.
    Result<void> set_properties(std::string_view unit, const Properties& properties);

    // Stops the unit, waits, and lets systemd forget it. A unit that is not there is stopped.
    Result<void> stop(std::string_view unit);

private:
    struct Jobs;
    class Message;
    Bus(const SdBus& library, Instance instance);
    Result<void> open();
    Result<void> open_at(const std::string& address, bool is_message_bus);
    Result<std::string> property(const char* member);
    Result<void> watch_jobs();
    Result<void> wait_for(const std::string& job, std::string_view what);
    Result<void> start_once(const UnitName& name, const Properties& properties);
    Result<void> reset_failed(std::string_view unit);

    const SdBus* library_;
    Instance instance_;
    bool is_message_bus_ = true;
    struct Close {
        const SdBus* library;
        void operator()(sd_bus* bus) const;
    };
    std::unique_ptr<Jobs> jobs_;  // outlives the connection, which holds its address
    std::unique_ptr<sd_bus, Close> bus_;
};

}  // namespace urc::systemd
