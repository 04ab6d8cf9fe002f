// run: a launch and its last word; in the foreground also the wait for its end, after which everything is
// removed.
#include "core/lifecycle/run.h"

#include "core/lifecycle/destroy.h"

namespace urc {

Result<std::optional<Foreground>> enter_foreground(const Global& global, const CreateOptions& options) {
    std::optional<Foreground> foreground;
    if (options.detach) return foreground;
    auto subreaper = options.no_subreaper ? Subreaper::no : Subreaper::yes;
    URC_TRY(Foreground entered, Foreground::enter(global.log, subreaper));
    foreground.emplace(std::move(entered));
    return foreground;
}

Result<int> attend(const Global& global, Foreground& foreground, Launched& container, bool keep) {
    container.dir.unlock();
    auto status = foreground.attend({.pid = container.state.init.pid,
                                     .pidfd = container.init.get(),
                                     .terminal = std::move(container.terminal)});
    if (!status.ok()) {
        kill_and_reap(container.init);
        (void)lock_and_destroy(global, container.dir);
        return status;
    }
    if (!keep) URC_TRY_VOID(lock_and_destroy(global, container.dir));
    return status;
}

Result<int> run(const Global& global, const CreateOptions& options) {
    URC_TRY(std::optional<Foreground> foreground, enter_foreground(global, options));
    URC_TRY(Launched container, launch(global, options, StartedBy::channel));
    URC_TRY_VOID(release(global, container));
    return foreground ? attend(global, *foreground, container, options.keep) : 0;
}

}  // namespace urc
