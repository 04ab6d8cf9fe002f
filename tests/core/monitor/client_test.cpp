// The client of monitor.sock against a listener in this process.
#include "core/monitor/client.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <filesystem>

#include "core/process/start_socket.h"
#include "uring/file.h"

namespace urc::monitor {
namespace {

class MonitorClient : public testing::Test {
protected:
    MonitorClient() {
        char pattern[] = "/tmp/urc-client-XXXXXX";
        base_ = ::mkdtemp(pattern);
        std::filesystem::create_directory(base_ + "/c1");
    }
    ~MonitorClient() override { std::filesystem::remove_all(base_); }

    Result<Fd> connect() {
        URC_TRY(Store store, Store::open(base_));
        URC_TRY(StateDir dir, store.find("c1"));
        return connect_monitor(dir);
    }
    void listen() {
        auto dir = open_at(AT_FDCWD, (base_ + "/c1").c_str(), O_PATH | O_DIRECTORY);
        ASSERT_TRUE(dir) << dir.error().text();
        auto listener = process::listen_at(dir->get(), kMonitorSocket);
        ASSERT_TRUE(listener) << listener.error().text();
        listener_ = std::move(*listener);
    }
    // `client_` and `monitor_` are the ends of one connection.
    void meet() {
        listen();
        auto client = connect();
        ASSERT_TRUE(client) << client.error().text();
        client_ = std::move(*client);
        monitor_ = Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        ASSERT_TRUE(monitor_);
    }
    void say(const std::string& packet) {
        ASSERT_EQ(::send(monitor_.get(), packet.data(), packet.size(), 0),
                  static_cast<ssize_t>(packet.size()));
    }
    static std::string kind(Kind kind) { return std::string(1, static_cast<char>(kind)); }

    std::string base_;
    Fd listener_, client_, monitor_;
    PacketBuffer buffer_{};
};

TEST_F(MonitorClient, WithoutAMonitorTheErrorSaysSo) {
    auto none = connect();
    ASSERT_FALSE(none);
    EXPECT_EQ(none.error().text(), "nobody monitors the container");
    EXPECT_EQ(none.error().code(), ENOENT);
}

TEST_F(MonitorClient, AMonitorThatWasKilledHasLeftItsSocket) {
    listen();
    listener_.reset();
    auto refused = connect();
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text(), "nobody monitors the container");
    EXPECT_EQ(refused.error().code(), ECONNREFUSED);
}

TEST_F(MonitorClient, PacketsArriveWithTheirKindAndBody) {
    meet();
    ASSERT_TRUE(send_packet(client_.get(), Kind::resize, Resize{.rows = 24, .columns = 80}));
    ASSERT_TRUE(send_packet(client_.get(), Kind::end_of_input));
    auto resize = receive_packet(monitor_.get(), buffer_);
    ASSERT_TRUE(resize && *resize);
    EXPECT_EQ((*resize)->kind, Kind::resize);
    EXPECT_EQ((*resize)->as<Resize>()->columns, 80);
    EXPECT_FALSE((*resize)->as<Lost>());
    auto end = receive_packet(monitor_.get(), buffer_);
    ASSERT_TRUE(end && *end);
    EXPECT_EQ((*end)->kind, Kind::end_of_input);
    EXPECT_EQ((*end)->text(), "");
}

TEST_F(MonitorClient, TheLargestBodyFitsAndALargerOneIsRefused) {
    meet();
    const std::string body(kBodySizeMax, 'x');
    say(kind(Kind::out) + body);
    auto packet = receive_packet(client_.get(), buffer_);
    ASSERT_TRUE(packet && *packet);
    EXPECT_EQ((*packet)->text(), body);
    say(kind(Kind::out) + body + "y");
    auto larger = receive_packet(client_.get(), buffer_);
    ASSERT_FALSE(larger);
    EXPECT_EQ(larger.error().code(), EBADMSG);
    say(std::string(1, '\0'));
    EXPECT_FALSE(receive_packet(client_.get(), buffer_).ok());
}

TEST_F(MonitorClient, AnAnswerIsDoneOrRefusedWithItsReason) {
    meet();
    say(kind(Kind::done));
    EXPECT_TRUE(ask_monitor(client_.get(), Kind::rotate));
    auto question = receive_packet(monitor_.get(), buffer_);
    ASSERT_TRUE(question && *question);
    EXPECT_EQ((*question)->kind, Kind::rotate);
    say(kind(Kind::refused) + "no file to rotate");
    auto refused = ask_monitor(client_.get(), Kind::rotate);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text(), "no file to rotate");
    say(kind(Kind::out) + "x");
    EXPECT_EQ(ask_monitor(client_.get(), Kind::rotate).error().code(), EPROTO);
}

TEST_F(MonitorClient, WhatWasSaidBeforeTheEndIsReadAlsoWhenOursWasNot) {
    meet();
    ASSERT_TRUE(send_packet(client_.get(), Kind::end_of_input));
    say(kind(Kind::ended) + std::string(4, '\0'));
    monitor_.reset();
    auto ended = receive_packet(client_.get(), buffer_);
    ASSERT_TRUE(ended && *ended);
    EXPECT_EQ((*ended)->as<Ended>()->wait_status, 0);
    auto end = receive_packet(client_.get(), buffer_);
    ASSERT_TRUE(end) << end.error().text();
    EXPECT_FALSE(*end);
    EXPECT_EQ(send_packet(client_.get(), Kind::end_of_input).error().code(), EPIPE);
    EXPECT_FALSE(ask_monitor(client_.get(), Kind::rotate));
}

}  // namespace
}  // namespace urc::monitor
