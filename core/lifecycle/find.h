// Finding the containers that a verb is about.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/runtime.h"
#include "core/state/store.h"

namespace urc {

// state.json of `dir`. "container does not exist" (ENOENT) when there is none.
Result<State> load_container(const StateDir& dir);

// The ids that match the POSIX extended regular expression, sorted.
Result<std::vector<std::string>> matching_ids(const Store& store, std::string_view expression);

// Calls `act` for each match. All get their turn; the first Error is the answer, with its id in front.
template <typename Act>
Result<void> for_each_match(const Global& global, std::string_view expression, Act act) {
    URC_TRY(Store store, Store::open(global.root));
    URC_TRY(std::vector<std::string> ids, matching_ids(store, expression));
    Result<void> outcome;
    for (const std::string& id : ids) {
        auto done = act(store, id);
        if (!done && outcome) outcome = std::move(done).error().context(id);
    }
    return outcome;
}

}  // namespace urc
