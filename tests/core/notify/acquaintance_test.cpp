#include "core/notify/acquaintance.h"

#include <sys/syscall.h>

#include "tests/core/notify/notify_fixture.h"

namespace urc::notify {
namespace {

using namespace std::chrono_literals;

class NotifyAcquaintanceTest : public ::testing::Test {
public:
    Standing ask(pid_t pid, std::chrono::nanoseconds now) {
        return acquaintance.standing_of(Sender{pid, -1}, is_member, now);
    }

    Acquaintance acquaintance;
    int asked = 0;
    bool answer = true;
    std::function<bool(pid_t)> is_member = [this](pid_t) {
        ++asked;
        return answer;
    };
};

TEST_F(NotifyAcquaintanceTest, AMemberThatGoesOnIsAskedForOnce) {
    for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(::getpid(), 1s), Standing::member);
    EXPECT_EQ(asked, 1);
}

TEST_F(NotifyAcquaintanceTest, AMemberThatWasMovedAwayIsSoonAStranger) {
    EXPECT_EQ(ask(::getpid(), 1s), Standing::member);
    answer = false;
    EXPECT_EQ(ask(::getpid(), 1s + Acquaintance::kKnownFor), Standing::stranger);
    EXPECT_EQ(asked, 2);
}

TEST_F(NotifyAcquaintanceTest, AStrangerIsAskedForEveryTime) {
    answer = false;
    EXPECT_EQ(ask(::getpid(), 1s), Standing::stranger);
    EXPECT_EQ(ask(::getpid(), 1s), Standing::stranger);
    EXPECT_EQ(asked, 2);
}

TEST_F(NotifyAcquaintanceTest, AnotherNumberIsAnotherQuestion) {
    EXPECT_EQ(ask(::getpid(), 1s), Standing::member);
    answer = false;
    EXPECT_EQ(ask(::getppid(), 1s), Standing::stranger);
    EXPECT_EQ(ask(::getpid(), 1s), Standing::stranger) << "one is known at a time";
}

// Its number may be anybody's from now on.
TEST_F(NotifyAcquaintanceTest, WhoHasEndedIsNotKnownAnyMore) {
    Child child([] { return ::pause(); });
    Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, child.pid(), 0)));
    EXPECT_EQ(ask(child.pid(), 1s), Standing::member);
    ::kill(child.pid(), SIGKILL);
    pollfd ended{pidfd.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&ended, 1, 10'000), 1);
    answer = false;
    EXPECT_EQ(ask(child.pid(), 1s), Standing::ended) << "a zombie";
    EXPECT_EQ(asked, 2);
    (void)child.wait();
    EXPECT_EQ(ask(child.pid(), 1s), Standing::ended);
    EXPECT_EQ(asked, 3);
}

TEST_F(NotifyAcquaintanceTest, WhoEndsDuringTheQuestionIsNotRemembered) {
    Child child([] { return ::pause(); });
    is_member = [&](pid_t) {
        ++asked;
        ::kill(child.pid(), SIGKILL);
        (void)child.wait();
        return true;
    };
    EXPECT_EQ(ask(child.pid(), 1s), Standing::member);
    EXPECT_EQ(ask(child.pid(), 1s), Standing::member);
    EXPECT_EQ(asked, 2);
}

TEST_F(NotifyAcquaintanceTest, WithoutNumberOrQuestionNobodyIsRemembered) {
    EXPECT_EQ(ask(0, 1s), Standing::stranger);
    is_member = nullptr;
    EXPECT_EQ(ask(::getpid(), 1s), Standing::member);
    EXPECT_EQ(asked, 0);
}

}  // namespace
}  // namespace urc::notify
