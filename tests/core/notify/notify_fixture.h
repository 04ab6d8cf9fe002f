// Both ends of the proxy as tests need them: a manager that receives, a container that sends, and a loop that
// runs the proxy between them.
#pragma once

#include <dirent.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "core/notify/address.h"
#include "core/notify/proxy.h"
#include "tests/uring/loop_fixture.h"
#include "uring/deadline.h"
#include "uring/file.h"
#include "uring/message.h"
#include "uring/ops_file.h"
#include "uring/ops_socket.h"
#include "uring/race.h"

namespace urc::notify {

using namespace std::chrono_literals;

inline ino_t inode_of(int fd) {
    struct stat info {};
    EXPECT_EQ(::fstat(fd, &info), 0);
    return info.st_ino;
}

// A directory of its own, gone with the test.
class TestDirectory {
public:
    TestDirectory() {
        EXPECT_NE(::mkdtemp(path_), nullptr);
        EXPECT_EQ(::chmod(path_, 0755), 0);
        fd_ = Fd(::open(path_, O_DIRECTORY | O_CLOEXEC));
    }
    ~TestDirectory() {
        DIR* directory = ::opendir(path_);
        while (dirent* entry = directory ? ::readdir(directory) : nullptr)
            ::unlinkat(fd_.get(), entry->d_name, 0);
        if (directory) ::closedir(directory);
        ::rmdir(path_);
    }
    int fd() const { return fd_.get(); }
    std::string path(const std::string& name) const { return std::string(path_) + "/" + name; }

private:
    char path_[32] = "/tmp/urc-notify-XXXXXX";
    Fd fd_;
};

struct Received {
    std::string body;
    std::vector<Fd> fds;
    ucred sender{};
};

// Receives as a manager does. An address that was bound by path is freed by its owner.
class Manager {
public:
    explicit Manager(const std::string& text, int type = SOCK_DGRAM) {
        auto address = parse_address(text);
        EXPECT_TRUE(address.ok());
        const int family = address->socket_address.ss_family;
        socket_ = Fd(::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        const int one = 1;
        EXPECT_EQ(::setsockopt(socket_.get(), SOL_SOCKET, SO_PASSCRED, &one, sizeof one), 0);
        is_bound_ = ::bind(socket_.get(), address->get(), address->size) == 0;
        if (type != SOCK_DGRAM) is_bound_ = is_bound_ && ::listen(socket_.get(), 16) == 0;
    }

    bool is_bound() const { return is_bound_; }
    int fd() const { return socket_.get(); }

    bool try_next(Received& received) {
        std::array<std::byte, 8192> buffer;
        InMessage message(buffer);
        const ssize_t size = ::recvmsg(socket_.get(), &message.header_to_fill(), MSG_CMSG_CLOEXEC);
        if (size < 0) return false;
        message.received(static_cast<std::size_t>(size));
        received.body = text_of(message.data());
        received.fds = std::move(message.fds());
        received.sender = message.sender().value_or(ucred{});
        return true;
    }
    Task<Received> next(Loop& loop) {
        Received received;
        while (!try_next(received)) co_await poll(loop, socket_.get(), POLLIN);
        co_return received;
    }
    // Reads until `last` comes; everything before and it.
    Task<std::vector<std::string>> until(Loop& loop, std::string last) {
        std::vector<std::string> bodies;
        while (bodies.empty() || bodies.back() != last) {
            Received received = co_await next(loop);
            bodies.push_back(std::move(received.body));
        }
        co_return bodies;
    }

private:
    Fd socket_;
    bool is_bound_ = false;
};

// What a process of the container does: one blocking sendmsg(2) a datagram. 0 or an errno.
inline int send_to(const std::string& path, std::string_view body, const std::vector<int>& fds = {}) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    OutMessage message(std::as_bytes(std::span(body)));
    message.set_address(reinterpret_cast<sockaddr*>(&address), sizeof address);
    for (int fd : fds)
        if (!message.add_fd(fd)) return E2BIG;
    return ::sendmsg(socket.get(), &message.header(), MSG_NOSIGNAL) < 0 ? errno : 0;
}

// A process that runs `body` and ends with what it returns.
class Child {
public:
    template <typename Body>
    explicit Child(Body body) : pid_(::fork()) {
        if (pid_ == 0) ::_exit(body());
    }
    ~Child() { (void)wait(); }
    pid_t pid() const { return pid_; }
    int wait() {
        if (pid_ > 0 && !is_reaped_) ::waitpid(pid_, &status_, 0);
        is_reaped_ = true;
        return WIFEXITED(status_) ? WEXITSTATUS(status_) : 128 + WTERMSIG(status_);
    }

private:
    pid_t pid_;
    int status_ = 0;
    bool is_reaped_ = false;
};

class NotifyTest : public LoopTest {
public:
    using LoopTest::loop;

    void SetUp() override {
        LoopTest::SetUp();
        if (IsSkipped()) return;
        directory = std::make_unique<TestDirectory>();
        manager = std::make_unique<Manager>(directory->path("manager.sock"));
        options.upstream = directory->path("manager.sock");
        members.insert(::getpid());
        options.is_member = [this](pid_t pid) { return members.count(pid) > 0; };
    }
    void TearDown() override {
        proxy.reset();
        log = Log();
        manager.reset();
        directory.reset();
        LoopTest::TearDown();
    }

    // Before open().
    void log_to(LogLevel level) {
        LogOptions log_options;
        log_options.path = directory->path("log");
        log_options.level = level;
        auto opened = Log::open(log_options);
        ASSERT_TRUE(opened.ok());
        log = std::move(*opened);
        options.log = &log;
    }
    std::string logged() const {
        auto text = read_file_at(AT_FDCWD, directory->path("log").c_str(), 16 << 20);
        EXPECT_TRUE(text.ok());
        return text.ok() ? *text : std::string();
    }

    std::string container_path() const { return directory->path("notify.sock"); }

    Proxy& open() {
        auto socket = bind_socket(directory->fd(), "notify.sock");
        EXPECT_TRUE(socket.ok());
        auto opened = Proxy::open(loop(), std::move(*socket), options);
        EXPECT_TRUE(opened.ok());
        proxy = std::move(*opened);
        return *proxy;
    }

    int send(std::string_view body, const std::vector<int>& fds = {}) {
        return send_to(container_path(), body, fds);
    }

    // Runs `body` beside the proxy, until the body ends.
    void serve_while(Task<void> body) {
        if (!proxy) open();
        auto ended = run(race(loop(), proxy->serve(), std::move(body)));
        EXPECT_TRUE(ended.ok()) << ended.error().text();
    }
    // What the manager gets when the container sends `body`, and then END=1.
    std::vector<std::string> sent(std::string_view body, const std::vector<int>& fds = {}) {
        EXPECT_EQ(send(body, fds), 0);
        EXPECT_EQ(send("END=1"), 0);
        std::vector<std::string> bodies;
        serve_while(collect(*this, bodies));
        bodies.pop_back();
        return bodies;
    }
    static Task<void> collect(NotifyTest& test, std::vector<std::string>& bodies) {
        bodies = co_await test.manager->until(test.loop(), "END=1");
    }

    std::unique_ptr<TestDirectory> directory;
    std::unique_ptr<Manager> manager;
    std::unique_ptr<Proxy> proxy;
    Log log;
    ProxyOptions options;
    std::set<pid_t> members;
};

using Bodies = std::vector<std::string>;

}  // namespace urc::notify
