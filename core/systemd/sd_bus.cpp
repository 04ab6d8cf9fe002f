#include "core/systemd/sd_bus.h"

#ifndef URC_STATIC
#include <dlfcn.h>
#endif

namespace urc::systemd {

#ifdef URC_STATIC

Result<const SdBus*> sd_bus_functions() {
#define URC_SD_BUS_ADDRESS(name) &::name,
    static constexpr SdBus functions{URC_SD_BUS_FUNCTIONS(URC_SD_BUS_ADDRESS)};
#undef URC_SD_BUS_ADDRESS
    return &functions;
}

#else

Result<const SdBus*> sd_bus_functions() {
    static SdBus functions{};
    if (functions.sd_bus_new) return &functions;
    auto missing = [] {
        return Error::message(std::string("systemd cgroup manager: ") + ::dlerror(), ELIBACC);
    };
    void* library = ::dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
    if (!library) return missing();
#define URC_SD_BUS_FIND(name)                                                      \
    functions.name = reinterpret_cast<decltype(&::name)>(::dlsym(library, #name)); \
    if (!functions.name) return missing();
    URC_SD_BUS_FUNCTIONS(URC_SD_BUS_FIND)
#undef URC_SD_BUS_FIND
    return &functions;
}

#endif

}  // namespace urc::systemd
