// list: all containers below the state root.
#include "core/lifecycle/find.h"
#include "core/lifecycle/view.h"

namespace urc {

Result<std::vector<StateView>> list(const Global& global) {
    std::vector<StateView> views;
    auto store = Store::open_existing(global.root);
    // The default root is made by the first create; a --root that is not there is somebody's mistake.
    if (!store && store.error().code() == ENOENT && global.root_is_default) return views;
    if (!store) return std::move(store).error();
    URC_TRY(std::vector<std::string> ids, store->ids());
    for (const std::string& id : ids) {
        auto dir = store->find(id);
        if (!dir) continue;  // a file, or deleted meanwhile
        auto state = load_container(*dir);
        if (state)
            views.push_back(make_view(*dir, *state));
        else if (state.error().code() != ENOENT ||
                 !dir->is_locked())  // one that is just being made has none yet
            global.log.warning("list: ", id, ": ", state.error().text());
    }
    return views;
}

}  // namespace urc
