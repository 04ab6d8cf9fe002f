#include "bench/filter.h"

#include <simdjson.h>

#include "core/seccomp/seccomp.h"

namespace urc::bench {

Result<std::string> seccomp_filter(std::string_view config) {
    simdjson::dom::parser parser;
    simdjson::dom::element section;
    if (parser.parse(simdjson::padded_string(config)).at_pointer("/linux/seccomp").get(section) !=
        simdjson::SUCCESS)
        return std::string();
    URC_TRY(const seccomp::Program program, seccomp::compile(std::string(simdjson::minify(section))));
    const auto* bytes = reinterpret_cast<const char*>(program.instructions.data());
    return std::string(bytes, program.instructions.size() * sizeof(sock_filter));
}

}  // namespace urc::bench
