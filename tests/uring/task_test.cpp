#include "uring/task.h"

#include <optional>
#include <string>
#include <vector>

#include "tests/uring/loop_fixture.h"
#include "uring/ops_file.h"

namespace urc {
namespace {

using TaskTest = LoopTest;

Task<int> number(Loop& loop, int value) {
    co_await nop(loop);
    co_return value;
}
Task<int> at_once(int value) {
    co_return value;
}
Task<void> bad_read(Loop& loop) {
    std::byte buffer[1];
    co_await read(loop, -1, buffer);
    ADD_FAILURE() << "went on after an Error";
}

Task<int> sum(Loop& loop) {
    int a = co_await number(loop, 20);
    int b = co_await at_once(22);
    co_return a + b;
}

TEST_F(TaskTest, AwaitingAChildGivesItsValue) {
    auto result = run(sum(loop()));
    ASSERT_TRUE(result.ok());
    EXPECT_EQ(*result, 42);
}

TEST_F(TaskTest, IsLazyAndMayBeDroppedUnstarted) {
    { Task<int> unused = number(loop(), 1); }
    EXPECT_EQ(frames_live, 0U);
}

Task<int> through_two(Loop& loop) {
    co_await bad_read(loop);
    co_return 1;
}

TEST_F(TaskTest, AnErrorEndsEveryTaskUpToTheOneThatSettles) {
    auto result = run(through_two(loop()));
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().code(), EBADF);
    EXPECT_EQ(result.error().text(), "read: Bad file descriptor");
}

Task<int> decide(Loop& loop) {
    auto first = co_await settled(through_two(loop));
    if (first.ok()) co_return 0;
    auto second = co_await settled(number(loop, 5));
    co_return *second + (first.error().code() == EBADF ? 100 : 0);
}

TEST_F(TaskTest, SettledGivesTheResultAndGoesOn) {
    EXPECT_EQ(*run(decide(loop())), 105);
}

// Writes its letter when it is destroyed.
class Trace {
public:
    Trace(std::string& log, char letter) : log_(log), letter_(letter) {}
    Trace(const Trace&) = delete;
    Trace& operator=(const Trace&) = delete;
    ~Trace() { log_ += letter_; }

private:
    std::string& log_;
    char letter_;
};

Task<void> inner(Loop& loop, std::string& log) {
    Trace c(log, 'c');
    co_await bad_read(loop);
}
Task<void> middle(Loop& loop, std::string& log) {
    Trace a(log, 'a');
    Trace b(log, 'b');
    co_await inner(loop, log);
    Trace never(log, 'X');
}
Task<void> outer(Loop& loop, std::string& log) {
    auto result = co_await settled(middle(loop, log));
    EXPECT_FALSE(result.ok());
    log += '|';
}

TEST_F(TaskTest, AnErrorDestroysFramesInTheOrderOfAnUnwindingStack) {
    std::string log;
    ASSERT_TRUE(run(outer(loop(), log)).ok());
    EXPECT_EQ(log, "cba|");
}

Result<int> plain(bool works) {
    if (!works) return Error(ENOTDIR, "open", "/x");
    return 3;
}
Task<int> uses_plain(bool works) {
    int value = co_await plain(works);
    co_return value + 1;
}

TEST_F(TaskTest, AwaitingAPlainResultGivesItsValueOrEndsTheTask) {
    EXPECT_EQ(*run(uses_plain(true)), 4);
    EXPECT_EQ(run(uses_plain(false)).error().text(), "open: /x: Not a directory");
}

Task<int> returns_error() {
    co_return Error(EPERM, "mount", "proc");
}
Task<void> fails_by_hand() {
    co_await fail(Error(ENOENT, "look"));
    ADD_FAILURE();
}

TEST_F(TaskTest, CanEndWithAnErrorOfItsOwn) {
    EXPECT_EQ(run(returns_error()).error().code(), EPERM);
    EXPECT_EQ(run(fails_by_hand()).error().code(), ENOENT);
}

Task<std::unique_ptr<int>> move_only() {
    co_return std::make_unique<int>(9);
}
Task<int> takes_move_only() {
    std::unique_ptr<int> value = co_await move_only();
    co_return *value;
}

TEST_F(TaskTest, CarriesMoveOnlyValues) {
    EXPECT_EQ(*run(takes_move_only()), 9);
}

Task<long> many_children(Loop& loop, int count) {
    long total = 0;
    for (int i = 0; i < count; ++i) total += co_await at_once(1);
    total += co_await number(loop, 1);
    co_return total;
}

TEST_F(TaskTest, ChildrenInALongLoopDoNotGrowTheStack) {
    EXPECT_EQ(*run(many_children(loop(), 200'000)), 200'001);
}

Task<int> deep(Loop& loop, int depth) {
    if (depth == 0) {
        co_await nop(loop);
        co_return 0;
    }
    int below = co_await deep(loop, depth - 1);
    co_return below + 1;
}

TEST_F(TaskTest, AReturnThroughManyTasksIsALoopAndNoRecursion) {
    EXPECT_EQ(*run(deep(loop(), 2000)), 2000);
}

TEST_F(TaskTest, ALoopRunsOneTaskAfterTheOther) {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(*run(number(loop(), i)), i);
}

}  // namespace
}  // namespace urc
