// Control: those who are connected with a monitor (protocol.h): `attach`, `logs --rotate`, `start`, `port`,
// and `run -d` while it waits for READY=1.
//
//   monitor.sock --accept--> client: one task reads its packets, one sends what is queued for it
//   output of the container --view--> queue of each client that attached, bounded: who does not read loses
//   bytes and
//                                     is told how many; the container never waits for a client
//
// The socket is 0600 in a directory that only its owner reaches. Packets are taken apart strictly; a client
// that sends anything else is refused and closed.
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/monitor/protocol.h"
#include "core/monitor/publication.h"
#include "core/relay/output.h"
#include "uring/event.h"
#include "uring/fd.h"
#include "uring/nursery.h"

namespace urc::monitor {

// What the clients reach of the container.
class Subject {
public:
    virtual relay::Output* output() = 0;  // nullptr: it has its caller's descriptors
    virtual int input() = 0;  // a pipe or the terminal's master, non-blocking; -1: nobody can write to it
    virtual bool has_terminal() const = 0;
    virtual void resize(const Resize& size) = 0;
    virtual void close_input() = 0;
    virtual void signal(int number) = 0;
    virtual Publication& publication() = 0;
    virtual bool awaits_ready() const = 0;  // there is a manager, and READY=1 has not gone to it

protected:
    ~Subject() = default;
};

class Client;

class Control {
public:
    Control(Loop& loop, Subject& subject);
    Control(const Control&) = delete;
    Control& operator=(const Control&) = delete;
    ~Control();

    // Accepts and serves until it is cancelled. `listener` is borrowed.
    Task<void> serve(int listener);

    // One more client, connected already, as if it had said await_ready.
    void adopt(Fd connection);

    // READY=1 has gone upstream: everybody who waits for it is told.
    void ready();

    // The container has ended and its last byte is in the queues: tells everybody, and waits until they have
    // read it, at most `bound`.
    Task<void> finish(int wait_status, std::chrono::nanoseconds bound);

private:
    friend class Client;
    Task<void> accept_clients(Nursery& nursery, int listener);
    Task<void> attend_client(Fd connection, bool awaits_ready);

    Loop& loop_;
    Subject& subject_;
    std::vector<Client*> clients_;
    std::vector<Fd> adopted_;       // before serve()
    Nursery* attending_ = nullptr;  // of serve(): the clients
    bool has_ended_ = false;
    int wait_status_ = -1;
    Event client_left_;
};

}  // namespace urc::monitor
