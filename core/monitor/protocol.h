// What a monitor says to those who connect to ROOT/ID/monitor.sock (SOCK_SEQPACKET, 0600): one packet a
// message, a kind and its body.
//
//   client                         monitor
//     |--- attach(AttachRequest) --->|  from now on output comes          `urc attach`
//     |<-- attached(Attached) -------|  or refused(text)
//     |--- input(bytes) ------------>|  to the container's stdin, or its terminal
//     |--- end_of_input ------------>|  closes stdin (no terminal)
//     |--- resize(rows, columns) --->|  of the terminal
//     |<-- out(bytes), err(bytes) ---|  what the container writes
//     |<-- lost(count) --------------|  so many bytes were skipped: the client did not read
//     |<-- ended(wait status) -------|  after the last byte, and the end of the connection
//
//     |--- rotate ------------------>|  `urc logs --rotate`
//     |<-- done ---------------------|  or refused(text)
//
//     |--- await_ready ------------->|  `urc start` under a manager: until READY=1 has gone upstream
//     |<-- done | ended(wait status)-|
//     |--- signal(number) ---------->|  to the container's init: of `run -d`, which waits for READY=1 the
//     same way
//
//     |--- add_port(Port) ---------->|  `urc port`; the host's port may be left open
//     |<-- port(Port) ---------------|  as it was opened; or refused(text)
//     |--- remove_port(Port) ------->|  one that a port(Port) has told of
//     |<-- done ---------------------|  it is closed; or refused(text)
//     |--- list_ports -------------->|
//     |<-- port(Port), ... done -----|  one each
#pragma once

#include <cstddef>
#include <cstdint>

namespace urc::monitor {

inline constexpr const char* kMonitorSocket = "monitor.sock";

enum class Kind : std::uint8_t {
    attach = 1,
    attached,
    input,
    end_of_input,
    resize,
    out,
    err,
    lost,
    ended,
    rotate,
    done,
    await_ready,
    refused,
    signal,
    add_port,
    remove_port,
    list_ports,
    port,
};

// A packet is the kind (one byte) and at most this many bytes.
inline constexpr std::size_t kBodySizeMax = 32 << 10;

struct AttachRequest {
    std::uint8_t wants_output = 1;
    std::uint8_t wants_input = 1;
    std::uint8_t unused[2]{};
};
struct Attached {
    std::uint8_t has_terminal = 0;
    std::uint8_t has_input = 0;  // stdin is open: a terminal, or --interactive
    std::uint8_t unused[2]{};
};
struct Resize {
    std::uint16_t rows = 0, columns = 0;
};
struct Ended {
    std::int32_t wait_status = 0;  // as wait(2) gives it; -1: not known
};
struct Signal {
    std::int32_t number = 0;
};
struct Port {
    std::uint8_t protocol = 0;  // ports::Protocol
    std::uint8_t is_handover = 0;
    std::uint16_t host_port = 0, child_port = 0;
    std::uint16_t max = 0;
    char host_ip[48]{}, child_ip[48]{};  // ended by a NUL
    // Of an answer: ports::Stats.
    std::uint64_t connections = 0, live = 0, bytes_in = 0, bytes_out = 0, errors = 0, pauses = 0;
};
struct Lost {
    std::uint64_t bytes = 0;
};

}  // namespace urc::monitor
