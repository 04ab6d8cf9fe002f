// linux.seccomp as a stranger writes it. Whatever the text, the compiler returns; what it compiles, the
// kernel would take, and it answers every call.
#include <linux/seccomp.h>

#include <cstdint>
#include <string_view>

#include "core/seccomp/seccomp.h"
#include "tests/core/seccomp/bpf_machine.h"
#include "uring/check.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 64 * 1024) return 0;
    auto program = urc::seccomp::compile({reinterpret_cast<const char*>(data), size});
    if (!program.ok()) {
        URC_CHECK(program.error().text().starts_with("linux.seccomp"));
        return 0;
    }
    if (program->instructions.empty()) return 0;
    URC_CHECK(urc::seccomp_test::find_flaw(program->instructions).empty());
    seccomp_data call{};
    for (std::uint32_t arch : {0xc000003eu, 0x40000003u, 0xc00000b7u, 0u}) {
        call.arch = arch;
        for (int number : {-1, 0, 1, 41, 102, 117, 500, 0x40000001}) {
            call.nr = number;
            for (std::uint64_t value : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
                for (auto& argument : call.args) argument = value;
                URC_CHECK(urc::seccomp_test::run(program->instructions, call).has_value());
            }
        }
    }
    return 0;
}
