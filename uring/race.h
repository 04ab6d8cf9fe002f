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
Result<Stored<T>> take_stored(Task<T>& task) {
    Result<T> result = task.take();
    if (!result.ok()) return std::move(result).error();
    if constexpr (std::is_void_v<T>) {
        return std::monostate{};
    } else {
        return std::move(result).value();
    }
}

template <typename Variant, std::size_t kIndex, typename T, typename... Ts>
Result<Variant> take_first(const Nursery& nursery, Task<T>& task, Task<Ts>&... others) {
    if constexpr (sizeof...(Ts) > 0) {
        if (!nursery.was_first(task)) return take_first<Variant, kIndex + 1>(nursery, others...);
    }
    auto result = take_stored(task);
    if (!result.ok()) return std::move(result).error();
    return Variant(std::in_place_index<kIndex>, std::move(result).value());
}

inline Task<void> timer(Loop& loop, std::chrono::nanoseconds duration) {
    co_await sleep(loop, duration);
}

}  // namespace detail

template <typename... Ts>
Task<std::tuple<Stored<Ts>...>> all(Loop& loop, Task<Ts>... tasks) {
    Nursery nursery(loop);
    (nursery.attach(tasks), ...);
    co_await nursery.join();
    co_return std::tuple<Stored<Ts>...>{detail::take_stored(tasks).value()...};
}

// For as many as there are, in their order.
template <typename T>
Task<std::vector<Stored<T>>> all(Loop& loop, std::vector<Task<T>> tasks) {
    Nursery nursery(loop);
    for (Task<T>& task : tasks) nursery.attach(task);
    co_await nursery.join();
    std::vector<Stored<T>> values;
    values.reserve(tasks.size());
    for (Task<T>& task : tasks) values.push_back(detail::take_stored(task).value());
    co_return values;
}

template <typename... Ts>
Task<std::variant<Stored<Ts>...>> race(Loop& loop, Task<Ts>... tasks) {
    Nursery nursery(loop, NurseryPolicy::first_ends_all);
    (nursery.attach(tasks), ...);
    co_await nursery.join();
    co_return detail::take_first<std::variant<Stored<Ts>...>, 0>(nursery, tasks...);
}

template <typename T>
Task<T> within(Loop& loop, std::chrono::nanoseconds duration, Task<T> task) {
    Task<void> timer = detail::timer(loop, duration);
    Nursery nursery(loop, NurseryPolicy::first_ends_all);
    nursery.attach(task);
    nursery.attach(timer);
    co_await nursery.join();
    Result<T> result = task.take();
    // The timer may strike while the task ends well: then its value is as good as any.
    bool is_late = timer.take().ok();
    if (is_late && !result.ok() && result.error().code() == ECANCELED) result = Error(ETIMEDOUT, "wait");
    co_return co_await std::move(result);
}

}  // namespace urc
