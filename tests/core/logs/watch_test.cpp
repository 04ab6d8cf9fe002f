// What wakes a follower, and what ends it.
#include "core/logs/watch.h"

#include <gtest/gtest.h>

#include "tests/core/logs/container_logs.h"

namespace urc::logs {
namespace {

using state_test::Sleeper;

class LogWatch : public logs_test::ContainerLogsTest {
protected:
    Result<Watch> open(Watch::Options options = {}) {
        if (!store_) {
            auto store = Store::open(root_);
            EXPECT_TRUE(store);
            store_.emplace(std::move(*store));
            auto dir = store_->find("c1");
            EXPECT_TRUE(dir);
            dir_.emplace(std::move(*dir));
        }
        URC_TRY(const State state, dir_->load());
        return Watch::open(*dir_, state, options);
    }
    ~LogWatch() override {
        dir_.reset();
        store_.reset();
    }
    std::optional<Store> store_;
    std::optional<StateDir> dir_;
};

TEST_F(LogWatch, IsOverWithItsMonitorItsContainerOrItsTime) {
    Sleeper monitor;
    put_file_container(monitor.pid());
    auto watch = open();
    ASSERT_TRUE(watch) << watch.error().text();
    EXPECT_FALSE(watch->is_over());
    auto until = open({.until = Instant(std::chrono::seconds(1)), .output_fd = -1});
    ASSERT_TRUE(until);
    EXPECT_TRUE(until->is_over());
    EXPECT_TRUE(until->wait().ok()) << "nothing happens, and it does not wait";
    monitor.end();
    EXPECT_TRUE(watch->wait().ok());
    EXPECT_TRUE(watch->is_over());
}

TEST_F(LogWatch, IsOverWhenTheContainerIsDeleted) {
    Sleeper monitor;
    put_file_container(monitor.pid());
    auto watch = open();
    ASSERT_TRUE(watch);
    delete_container();
    EXPECT_TRUE(watch->wait().ok());
    EXPECT_TRUE(watch->is_over());
}

TEST_F(LogWatch, WakesForTheFileItsDirectoryAndOneMore) {
    Sleeper monitor;
    put_file_container(monitor.pid());
    append("x");
    auto watch = open();
    auto files = open_files(log_path_);
    ASSERT_TRUE(watch && files);
    ASSERT_TRUE(watch->watch_directory_of(log_path_) && watch->watch_file(files->front()));
    append("y");
    EXPECT_FALSE(*watch->wait());
    ASSERT_EQ(::rename(log_path_.c_str(), (log_path_ + ".1").c_str()), 0);
    EXPECT_FALSE(*watch->wait());
    append("a new one");
    EXPECT_FALSE(*watch->wait());
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    Fd reader(ends[0]), writer(ends[1]);
    writer.reset();
    EXPECT_TRUE(*watch->wait(reader.get()));
    EXPECT_FALSE(watch->is_over());
}

TEST_F(LogWatch, AReaderThatIsGoneIsAnError) {
    Sleeper monitor;
    put_file_container(monitor.pid());
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    Fd reader(ends[0]), writer(ends[1]);
    auto watch = open({.until = {}, .output_fd = writer.get()});
    ASSERT_TRUE(watch);
    reader.reset();
    auto woken = watch->wait();
    ASSERT_FALSE(woken);
    EXPECT_EQ(woken.error().code(), EPIPE);
}

}  // namespace
}  // namespace urc::logs
