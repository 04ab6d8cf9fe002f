// A container that says much, to a manager that is slow, does not read, or is not there.
#include <gtest/gtest.h>
#include <sys/syscall.h>

#include <algorithm>

#include "core/notify/proxy.h"
#include "core/notify/queue.h"
#include "tests/core/notify/notify_fixture.h"
#include "uring/event.h"

namespace urc::notify {
namespace {

class NotifyBurstTest : public NotifyTest {
public:
    // A process of the container that sends all of `bodies`, blocking.
    std::unique_ptr<Child> container(Bodies bodies) {
        auto child = std::make_unique<Child>([this, bodies] {
            for (const std::string& body : bodies)
                if (int code = send(body); code != 0) return code;
            return 0;
        });
        members.insert(child->pid());
        return child;
    }
    static Task<void> end_of(Loop& loop, pid_t pid) {
        Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
        co_await poll(loop, process.get(), POLLIN);
    }
};

Bodies numbered(const std::string& key, int count) {
    Bodies bodies;
    for (int i = 0; i < count; ++i) bodies.push_back(key + "=" + std::to_string(i));
    return bodies;
}

TEST_F(NotifyBurstTest, ArrivesCompleteAndInOrderAtAManagerThatReads) {
    Bodies bodies = numbered("STATUS", 10'000);
    bodies.push_back("END=1");
    open();
    auto child = container(bodies);
    Bodies received;
    serve_while(collect(*this, received));
    EXPECT_EQ(received.size(), bodies.size());
    EXPECT_TRUE(received == bodies);
    EXPECT_EQ(child->wait(), 0);
}

TEST_F(NotifyBurstTest, DoesNotHoldUpTheContainerWhenNobodyReads) {
    Bodies bodies;
    for (int i = 0; i < 5000; ++i) {
        bodies.push_back("WATCHDOG=1");
        if (i == 2500) bodies.push_back("STATUS=up\nREADY=1");
    }
    bodies.push_back("STOPPING=1");
    open();
    auto child = container(bodies);
    serve_while([](NotifyBurstTest& test, pid_t pid) -> Task<void> {
        // The manager has not read a single datagram when the container is through.
        co_await end_of(test.loop(), pid);
        EXPECT_EQ(test.send("END=1"), 0);
        Bodies received = co_await test.manager->until(test.loop(), "END=1");
        received.erase(std::remove(received.begin(), received.end(), "WATCHDOG=1"), received.end());
        EXPECT_EQ(received, (Bodies{"STATUS=up\nREADY=1", "STOPPING=1", "END=1"}));
    }(*this, child->pid()));
    EXPECT_EQ(child->wait(), 0);
    EXPECT_TRUE(proxy->is_ready());
}

TEST_F(NotifyBurstTest, KeepsTheMarksAndTheLastStatusOfAFloodThatNobodyReads) {
    Bodies bodies = numbered("X_A", 20);
    bodies.push_back("READY=1");
    for (std::string& body : numbered("X_B", 1500)) bodies.push_back(std::move(body));
    bodies.push_back("STATUS=old");
    for (std::string& body : numbered("X_C", 1500)) bodies.push_back(std::move(body));
    bodies.push_back("STATUS=new");
    open();
    auto child = container(bodies);
    serve_while([](NotifyBurstTest& test, pid_t pid) -> Task<void> {
        co_await end_of(test.loop(), pid);
        EXPECT_EQ(test.send("END=1"), 0);
        const Bodies received = co_await test.manager->until(test.loop(), "END=1");
        auto has = [&](const char* body) {
            return std::find(received.begin(), received.end(), body) != received.end();
        };
        EXPECT_TRUE(has("READY=1"));
        EXPECT_TRUE(has("STATUS=new"));
        EXPECT_TRUE(has("X_C=1499"));
        EXPECT_FALSE(has("X_B=100"));
        EXPECT_LE(received.size(), Queue::kItemsMax + 20 + 600) << "the queue, and what the sockets hold";
    }(*this, child->pid()));
    EXPECT_EQ(child->wait(), 0);
}

TEST_F(NotifyBurstTest, WaitsForAManagerThatIsReplaced) {
    Event first(loop());
    options.is_member = [&](pid_t) {
        first.set();
        return true;
    };
    open();
    manager.reset();
    ASSERT_EQ(::unlink(options.upstream.c_str()), 0);
    for (const char* body : {"STATUS=a", "STOPPING=1", "END=1"}) ASSERT_EQ(send(body), 0);
    serve_while([](NotifyBurstTest& test, Event& event) -> Task<void> {
        // Who waits for it runs when the batch has been taken: the first one was tried, and nobody was there.
        co_await event.wait();
        test.manager = std::make_unique<Manager>(test.options.upstream);
        const Bodies received = co_await test.manager->until(test.loop(), "END=1");
        EXPECT_EQ(received, (Bodies{"STATUS=a", "STOPPING=1", "END=1"}));
    }(*this, first));
}

TEST_F(NotifyBurstTest, DropsWithOneCountedWarningWhatNobodyIsThereFor) {
    LogOptions log_options;
    log_options.path = directory->path("log");
    log_options.level = LogLevel::warning;
    auto log = Log::open(log_options);
    ASSERT_TRUE(log.ok());
    options.log = &*log;
    open();
    manager.reset();
    ASSERT_EQ(::unlink(options.upstream.c_str()), 0);
    ASSERT_EQ(send("READY=1"), 0);
    ASSERT_EQ(send("STATUS=a"), 0);
    serve_while([](NotifyBurstTest& test) -> Task<void> {
        co_await test.proxy->until_ready();
        test.manager = std::make_unique<Manager>(test.options.upstream);
        EXPECT_EQ(test.send("STATUS=b"), 0);
        Received received = co_await test.manager->next(test.loop());
        EXPECT_EQ(received.body, "STATUS=b");
    }(*this));
    Fd file(::open(log_options.path.c_str(), O_RDONLY | O_CLOEXEC));
    char text[4096];
    const ssize_t size = ::read(file.get(), text, sizeof text);
    const std::string_view logged(text, size > 0 ? static_cast<std::size_t>(size) : 0);
    const std::string dropped = "notify: a notification was dropped: connect: " + options.upstream;
    EXPECT_NE(logged.find(dropped), logged.npos) << logged;
    // READY, STATUS and the barrier of until_ready().
    EXPECT_NE(logged.find(" is back; 3 notifications were dropped"), logged.npos) << logged;
    EXPECT_EQ(std::count(logged.begin(), logged.end(), '\n'), 2) << logged;
    proxy.reset();
}

TEST_F(NotifyBurstTest, FinishIsBoundedWhenNobodyReads) {
    open();
    auto child = container(numbered("X_A", 100));
    auto ended = run([](NotifyBurstTest& test, pid_t pid) -> Task<void> {
        co_await race(test.loop(), test.proxy->serve(), end_of(test.loop(), pid));
        co_await test.proxy->finish(10ms);
    }(*this, child->pid()));
    EXPECT_TRUE(ended.ok());
    EXPECT_EQ(child->wait(), 0);
}

}  // namespace
}  // namespace urc::notify
