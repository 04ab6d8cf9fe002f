// The functions of sd-bus(3) that urc calls, behind one table.
//
// A static urc has them linked in. One with shared libraries opens libsystemd.so.0 when systemd is asked for,
// so that nobody else pays for loading it and the libraries that it needs.
#pragma once

#include <systemd/sd-bus.h>

#include "uring/result.h"

namespace urc::systemd {

#define URC_SD_BUS_FUNCTIONS(F)       \
    F(sd_bus_call)                    \
    F(sd_bus_error_free)              \
    F(sd_bus_flush_close_unref)       \
    F(sd_bus_get_property_string)     \
    F(sd_bus_match_signal)            \
    F(sd_bus_message_append_basic)    \
    F(sd_bus_message_close_container) \
    F(sd_bus_message_new_method_call) \
    F(sd_bus_message_open_container)  \
    F(sd_bus_message_read_basic)      \
    F(sd_bus_message_unref)           \
    F(sd_bus_new)                     \
    F(sd_bus_process)                 \
    F(sd_bus_set_address)             \
    F(sd_bus_set_bus_client)          \
    F(sd_bus_start)                   \
    F(sd_bus_wait)

struct SdBus {
// NOLINTNEXTLINE(bugprone-macro-parentheses): the name of a member cannot stand in parentheses
#define URC_SD_BUS_MEMBER(name) decltype(&::name) name;
    URC_SD_BUS_FUNCTIONS(URC_SD_BUS_MEMBER)
#undef URC_SD_BUS_MEMBER
};

// Lives for ever. ELIBACC with the loader's words when there is no libsystemd.so.0.
Result<const SdBus*> sd_bus_functions();

}  // namespace urc::systemd
