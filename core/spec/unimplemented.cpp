// What the launch path does not act on yet. A field of this table is refused by name: a configuration that
// asks for a label or a device and silently gets none is worse than one that fails. Work that implements a
// field deletes its line.
//
// Not here on purpose: mountLabel, which is dropped where SELinux is off, as other runtimes do; and
// execCPUAffinity, which only `exec` reads.
#include <algorithm>
#include <string_view>

#include "core/spec/validate.h"
#include "core/spec/validate_parts.h"

namespace urc {
namespace spec {
namespace {

struct Refused {
    std::string_view field;
    bool (*is_set)(const Spec&);
};

constexpr Refused kFields[] = {
    {"linux.intelRdt", [](const Spec& s) { return s.linux.intel_rdt.has_value(); }},
};

}  // namespace
}  // namespace spec

bool is_implemented(std::string_view field) {
    return std::none_of(std::begin(spec::kFields), std::end(spec::kFields),
                        [field](const spec::Refused& refused) { return refused.field == field; });
}

Result<void> refuse_unimplemented(const spec::Spec& spec) {
    for (const spec::Refused& field : spec::kFields)
        if (field.is_set(spec))
            return Error::message(spec::concat({"config.json: ", field.field, ": not supported yet"}),
                                  ENOTSUP);
    return {};
}

}  // namespace urc
