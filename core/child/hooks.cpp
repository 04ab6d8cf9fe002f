// The hooks of the child: createContainer before the root is switched, startContainer in place of the program
// for a moment. What a hook is, and what it is told: core/hooks/hook.h.
#include "core/hooks/hook.h"

#include <unistd.h>

#include "core/child/launch.h"

namespace urc::child {

namespace {

hooks::Subject subject_of(const Launch& launch) {
    return {launch.id, launch.bundle, launch.spec->annotations, ::getpid()};
}

}  // namespace

// prestart and createRuntime are the parent's business: it is told that the mounts are there, and says when
// it is done. createContainer hooks are paths of the host, which the child sees until the pivot; they run in
// the namespaces of the container because the child is in them.
Result<void> run_hooks_before_pivot(Launch& launch) {
    const spec::Hooks& hooks = launch.spec->hooks;
    if (hooks.has_any_of_create()) {
        URC_TRY_VOID(launch.channel.send(process::Message::mounted));
        auto done = launch.channel.expect(process::Message::pivot);
        if (!done.ok()) return std::move(done).error();
    }
    return hooks::run(hooks::Kind::create_container, hooks.create_container, subject_of(launch));
}

Result<void> run_start_hooks(const Launch& launch, const hooks::Become& become) {
    return hooks::run(hooks::Kind::start_container, launch.spec->hooks.start_container, subject_of(launch),
                      become);
}

}  // namespace urc::child
