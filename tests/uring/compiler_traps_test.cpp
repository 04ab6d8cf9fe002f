// What g++ 12.2 makes of coroutines, trap by trap: the form that we write instead
// must work on every compiler, and under ASan. The traps themselves are undefined behaviour or no code at
// all, so they are not run.
#include <coroutine>
#include <initializer_list>
#include <string>
#include <vector>

#include "tests/uring/loop_fixture.h"
#include "uring/ops_file.h"
#include "uring/race.h"

namespace urc {
namespace {

using CompilerTraps = LoopTest;

Task<bool> yes(Loop& loop) {
    co_await nop(loop);
    co_return true;
}

// ---- 1. if/while/switch (co_await x) in a coroutine without local variables ---------------------

Task<void> condition_in_a_variable(Loop& loop, int& steps) {
    auto answer = co_await yes(loop);
    if (answer) ++steps;
    for (auto more = co_await yes(loop); more && steps < 3; more = co_await yes(loop)) ++steps;
    auto value = co_await yes(loop);
    switch (static_cast<int>(value)) {
        case 1:
            ++steps;
            break;
        default:
            break;
    }
}

TEST_F(CompilerTraps, AConditionFromAVariableRunsTheBody) {
    int steps = 0;
    ASSERT_TRUE(run(condition_in_a_variable(loop(), steps)).ok());
    EXPECT_EQ(steps, 4);
}

// A coroutine that needs no loop: how far does the first resume get? With the condition inside the `if`,
// g++ 12.2 stops it before the body, or runs into an illegal instruction, as the frame's old contents have
// it.
struct Probe {
    struct promise_type {
        Probe get_return_object() { return Probe(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() const noexcept { return {}; }
        std::suspend_always final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() const noexcept { std::terminate(); }
    };
    explicit Probe(std::coroutine_handle<promise_type> made) : handle(made) {}
    // clang 14 moves the object that get_return_object() made.
    Probe(Probe&& other) noexcept : handle(std::exchange(other.handle, nullptr)) {}
    Probe& operator=(Probe&&) = delete;
    ~Probe() {
        if (handle) handle.destroy();
    }
    std::coroutine_handle<promise_type> handle;
};
class Immediate {
public:
    explicit Immediate(bool value) : value_(value) {}
    bool await_ready() const noexcept { return true; }
    void await_suspend(std::coroutine_handle<>) const noexcept {}
    bool await_resume() const noexcept { return value_; }

private:
    bool value_;
};
Probe untrapped(int& reached) {
    bool value = co_await Immediate(true);
    if (value) ++reached;
}

TEST_F(CompilerTraps, TheFirstResumeReachesABodyThatNamesItsCondition) {
    int reached = 0;
    Probe probe = untrapped(reached);
    probe.handle.resume();
    EXPECT_TRUE(probe.handle.done());
    EXPECT_EQ(reached, 1);
}

// ---- 2. aggregate and closure temporaries as arguments of a co_await'ed call --------------------

// Notices a copy that nobody constructed: its address is not the one it was constructed at.
class Anchored {
public:
    Anchored() noexcept : self_(this) { ++alive; }
    Anchored(Anchored&&) noexcept : self_(this) { ++alive; }
    Anchored& operator=(Anchored&&) = delete;
    ~Anchored() {
        EXPECT_EQ(self_, this);
        --alive;
    }
    bool is_in_place() const noexcept { return self_ == this; }
    static inline int alive = 0;

private:
    const Anchored* self_;
};
struct Options {
    Anchored anchor{};
    std::string name{};
};
Task<std::size_t> with_options(Loop& loop, Options options) {
    co_await nop(loop);
    EXPECT_TRUE(options.anchor.is_in_place());
    co_return options.name.size();
}
template <typename F>
Task<std::size_t> with_closure(Loop& loop, F function) {
    co_await nop(loop);
    co_return function();
}
Task<void> named_arguments(Loop& loop) {
    Options options;
    options.name = "longer than the small string buffer";
    std::size_t size = co_await with_options(loop, std::move(options));
    EXPECT_EQ(size, 35U);
    std::string text = "longer than the small string buffer, too";
    auto closure = [text, anchor = Anchored()] { return anchor.is_in_place() ? text.size() : 0; };
    std::size_t length = co_await with_closure(loop, std::move(closure));
    EXPECT_EQ(length, text.size());
}

TEST_F(CompilerTraps, NamedAggregatesAndClosuresAreMovedNotCopiedBitwise) {
    ASSERT_TRUE(run(named_arguments(loop())).ok());
    EXPECT_EQ(Anchored::alive, 0);
}

// Classes with constructors (Task, Fd, std::string) are safe as temporaries: the whole room relies on it.
Task<int> takes_tasks(Task<bool> first, Fd descriptor, std::string name) {
    bool value = co_await std::move(first);
    co_return value&& descriptor.is_open() && name.size() == 35 ? 1 : 0;
}
Task<int> passes_temporaries(Loop& loop, int fd) {
    int sum =
        co_await takes_tasks(yes(loop), Fd(::dup(fd)), std::string("longer than the small string buffer"));
    sum += co_await within(loop, std::chrono::hours(1),
                           takes_tasks(yes(loop), Fd(::dup(fd)), std::string(35, 'x')));
    co_return sum;
}

TEST_F(CompilerTraps, TemporariesWithConstructorsSurviveTheCall) {
    auto [out, in] = make_pipe();
    EXPECT_EQ(*run(passes_temporaries(loop(), out.get())), 2);
}

// ---- 3. awaiters that are aggregates; 4. awaiters passed by reference ---------------------------

// Like every operation here: a class with a constructor, without copies. Checks that it stays where it is.
class Pinned {
public:
    explicit Pinned(int value) noexcept : self_(this), value_(value) {}
    Pinned(const Pinned&) = delete;
    Pinned& operator=(const Pinned&) = delete;
    ~Pinned() { EXPECT_EQ(self_, this); }
    bool await_ready() const noexcept {
        EXPECT_EQ(self_, this);
        return false;
    }
    template <typename P>
    bool await_suspend(std::coroutine_handle<P>) const noexcept {
        EXPECT_EQ(self_, this);
        return false;
    }
    int await_resume() const noexcept {
        EXPECT_EQ(self_, this);
        return value_;
    }

private:
    const Pinned* self_;
    int value_;
};
Pinned pinned(int value) {
    return Pinned(value);
}
Task<int> awaits_pinned() {
    int sum = co_await Pinned(1);
    sum += co_await pinned(2);
    Pinned local(4);
    sum += co_await local;
    co_return sum;
}

TEST_F(CompilerTraps, AnAwaiterWithAConstructorKeepsItsAddress) {
    EXPECT_EQ(*run(awaits_pinned()), 7);
}

Task<int> settles_temporaries(Loop& loop, int fd) {
    std::byte buffer[8];
    // The operation is a temporary, and settled() and deadline() refer to it until the whole expression is
    // over.
    auto got = co_await settled(deadline(read(loop, fd, buffer), std::chrono::hours(1)));
    co_return got.ok() ? static_cast<int>(*got) : -1;
}

TEST_F(CompilerTraps, WrappersReferToAnOperationThatStaysInTheFrame) {
    auto [out, in] = make_pipe();
    EXPECT_EQ(::write(in.get(), "12345", 5), 5);
    EXPECT_EQ(*run(settles_temporaries(loop(), out.get())), 5);
}

// ---- 5. a braced list as an argument ------------------------------------------------------------

Task<std::size_t> total_size(Loop& loop, std::vector<std::string> words) {
    co_await nop(loop);
    std::size_t size = 0;
    for (const std::string& word : words) size += word.size();
    co_return size;
}
Task<std::size_t> names_its_vector(Loop& loop) {
    std::vector<std::string> words{"a", "bc", "a word longer than the small string buffer"};
    std::size_t size = co_await total_size(loop, std::move(words));
    co_return size;
}

TEST_F(CompilerTraps, ANamedVectorIsPassedWhole) {
    EXPECT_EQ(*run(names_its_vector(loop())), 45U);
}

// ---- 6. co_await in a statement expression ------------------------------------------------------

Result<int> plain(int value) {
    if (value < 0) return Error(EDOM, "plain");
    return value;
}
Task<int> without_statement_expressions(int value) {
    int a = co_await plain(value);
    int b = co_await plain(a - 1);
    co_return a + b;
}

TEST_F(CompilerTraps, AwaitingAResultReplacesTheStatementExpression) {
    EXPECT_EQ(*run(without_statement_expressions(5)), 9);
    EXPECT_EQ(run(without_statement_expressions(0)).error().code(), EDOM);
}

// ---- 7. symmetric transfer ----------------------------------------------------------------------

Task<int> ready_at_once(int value) {
    co_return value;
}
Task<long> many_ready_tasks(int count) {
    long sum = 0;
    for (int i = 0; i < count; ++i) {
        int value = co_await ready_at_once(1);
        sum += value;
    }
    co_return sum;
}

TEST_F(CompilerTraps, ALoopOverReadyTasksUsesNoStack) {
    EXPECT_EQ(*run(many_ready_tasks(300'000)), 300'000);
}

Task<long> many_waiting_tasks(Loop& loop, int count) {
    long sum = 0;
    for (int i = 0; i < count; ++i) {
        bool value = co_await yes(loop);
        sum += value ? 1 : 0;
    }
    co_return sum;
}

TEST_F(CompilerTraps, ALoopOverWaitingTasksUsesNoStack) {
    EXPECT_EQ(*run(many_waiting_tasks(loop(), 20'000)), 20'000);
}

// ---- every compiler -----------------------------------------------------------------------------

// Frames destroyed in the middle of a co_await destroy what the expression holds, each thing once.
Task<int> never_ends(Loop& loop, int fd, Anchored anchor) {
    std::byte buffer[1];
    co_await read(loop, fd, buffer);
    co_return anchor.is_in_place() ? 1 : 0;
}
Task<void> destroyed_in_the_middle(Loop& loop, int fd) {
    Anchored local;
    co_await never_ends(loop, fd, Anchored());
}
Task<void> stops_it(Loop& loop, int fd) {
    Nursery nursery(loop);
    nursery.spawn(destroyed_in_the_middle(loop, fd));
    co_await nop(loop);
    EXPECT_EQ(Anchored::alive, 3);  // the local, the parameter, and the temporary it was moved from
    nursery.cancel();
    co_await nursery.join();
    EXPECT_EQ(Anchored::alive, 0);
}

TEST_F(CompilerTraps, AFrameDestroyedInTheMiddleDestroysItsTemporariesOnce) {
    auto [out, in] = make_pipe();
    EXPECT_TRUE(run(stops_it(loop(), out.get())).ok());
}

}  // namespace
}  // namespace urc
