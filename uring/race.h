// Several tasks at once, with their results.
//
//   auto [a, b] = co_await all(loop, first(), second());      // both, or the first Error
//   auto winner = co_await race(loop, reply(), hangup());     // std::variant: whose end came first
//   T value     = co_await within(loop, 5s, handshake());     // ETIMEDOUT when it takes longer
//
// All of them wait until every task has ended. The losers of a race are cancelled; one that had its result
// all the same loses it (a descriptor is closed, a lease given back). A task of nothing counts as
// std::monostate.
#pragma once

#include <chrono>
#include <deque>
#include <tuple>
#include <utility>
#include <variant>
#include <vector>

#include "uring/deadline.h"
#include "uring/nursery.h"

namespace urc {

template <typename T>
using Stored = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

namespace detail {

template <typename T>
Result<Stored<T>> stored(Kept<T>& child) {
    if (!child.result().ok()) return std::move(child.result()).error();
    if constexpr (std::is_void_v<T>) {
        return std::monostate{};
    } else {
        return std::move(child.result()).value();
    }
}

template <typename Variant, std::size_t kIndex = 0, typename... Ts>
Result<Variant> first_of(std::tuple<Kept<Ts>...>& children) {
    auto& child = std::get<kIndex>(children);
    if constexpr (kIndex + 1 < sizeof...(Ts)) {
        if (!child.was_first()) return first_of<Variant, kIndex + 1>(children);
    }
    auto result = stored(child);
    if (!result.ok()) return std::move(result).error();
    return Variant(std::in_place_index<kIndex>, std::move(result).value());
}

template <typename... Ts>
void start_all(Nursery& nursery, std::tuple<Kept<Ts>...>& children) {
    std::apply([&](Kept<Ts>&... child) { (child.start(nursery), ...); }, children);
}

inline Task<void> timer(Loop& loop, std::chrono::nanoseconds duration) {
    co_await sleep(loop, duration);
}

}  // namespace detail

template <typename... Ts>
Task<std::tuple<Stored<Ts>...>> all(Loop& loop, Task<Ts>... tasks) {
    std::tuple<Kept<Ts>...> children(std::move(tasks)...);
    Nursery nursery(loop);
    detail::start_all(nursery, children);
    co_await nursery.join();
    co_return std::apply(
        [](Kept<Ts>&... child) { return std::tuple<Stored<Ts>...>{detail::stored(child).value()...}; },
        children);
}

// For as many as there are, in their order.
template <typename T>
Task<std::vector<Stored<T>>> all(Loop& loop, std::vector<Task<T>> tasks) {
    std::deque<Kept<T>> children;
    Nursery nursery(loop);
    for (Task<T>& task : tasks) children.emplace_back(std::move(task)).start(nursery);
    co_await nursery.join();
    std::vector<Stored<T>> values;
    values.reserve(children.size());
    for (Kept<T>& child : children) values.push_back(detail::stored(child).value());
    co_return values;
}

template <typename... Ts>
Task<std::variant<Stored<Ts>...>> race(Loop& loop, Task<Ts>... tasks) {
    std::tuple<Kept<Ts>...> children(std::move(tasks)...);
    Nursery nursery(loop, NurseryPolicy::first_ends_all);
    detail::start_all(nursery, children);
    co_await nursery.join();
    co_return detail::first_of<std::variant<Stored<Ts>...>>(children);
}

template <typename T>
Task<T> within(Loop& loop, std::chrono::nanoseconds duration, Task<T> task) {
    Kept<T> child(std::move(task));
    Kept<void> timer(detail::timer(loop, duration));
    Nursery nursery(loop, NurseryPolicy::first_ends_all);
    child.start(nursery);
    timer.start(nursery);
    co_await nursery.join();
    // The timer may strike while the task ends well: then its value is as good as any.
    Result<T> result = std::move(child.result());
    bool is_late = timer.result().ok();
    if (is_late && !result.ok() && result.error().code() == ECANCELED) result = Error(ETIMEDOUT, "wait");
    co_return co_await std::move(result);
}

}  // namespace urc
