// The proxy between a manager and a container, over real sockets.
#include "core/notify/proxy.h"

#include <linux/vm_sockets.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "core/notify/message.h"
#include "core/notify/sender.h"
#include "tests/core/notify/notify_fixture.h"
#include "uring/event.h"

namespace urc::notify {
namespace {

bool is_root() {
    return ::geteuid() == 0;
}

class NotifyProxyTest : public NotifyTest {
public:
    // Everything that the log says about datagrams.
};

TEST_F(NotifyProxyTest, BindsASocketThatEverybodyMaySendToWhateverTheUmask) {
    const mode_t before = ::umask(0077);
    open();
    ::umask(before);
    struct stat info {};
    ASSERT_EQ(::stat(container_path().c_str(), &info), 0);
    EXPECT_TRUE(S_ISSOCK(info.st_mode));
    EXPECT_EQ(info.st_mode & 07777, 0777U);
}

TEST_F(NotifyProxyTest, ReplacesALeftoverSocket) {
    open();
    proxy.reset();
    open();
    EXPECT_EQ(sent("READY=1"), Bodies{"READY=1"});
}

TEST_F(NotifyProxyTest, RefusesAnUpstreamThatIsNoAddress) {
    auto socket = bind_socket(directory->fd(), "notify.sock");
    ASSERT_TRUE(socket.ok());
    options.upstream = "nonsense";
    auto opened = Proxy::open(loop(), std::move(*socket), options);
    ASSERT_FALSE(opened.ok());
    EXPECT_EQ(opened.error().text(), "NOTIFY_SOCKET: nonsense: is none of /path, @name, vsock:CID:PORT");
}

TEST_F(NotifyProxyTest, ForwardsALongStatusAndReadyInOneDatagram) {
    open();
    const std::string body = "STATUS=" + std::string(300, 's') + "\nREADY=1";
    EXPECT_EQ(sent(body), Bodies{body});
    EXPECT_TRUE(proxy->is_ready());
}

TEST_F(NotifyProxyTest, IsNotReadyBeforeReadyWasSaid) {
    open();
    EXPECT_EQ(sent("STATUS=READY=1"), Bodies{"STATUS=READY=1"});
    EXPECT_FALSE(proxy->is_ready());
}

TEST_F(NotifyProxyTest, SpeaksToAnAbstractSocket) {
    const std::string name = "@urc-notify-test-" + std::to_string(::getpid());
    manager = std::make_unique<Manager>(name);
    ASSERT_TRUE(manager->is_bound());
    options.upstream = name;
    open();
    EXPECT_EQ(sent("READY=1\nSTATUS=up"), Bodies{"READY=1\nSTATUS=up"});
}

TEST_F(NotifyProxyTest, SpeaksToVsock) {
    Fd listener(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    Fd client(::socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    sockaddr_vm address{};
    address.svm_family = AF_VSOCK;
    address.svm_cid = VMADDR_CID_ANY;
    address.svm_port = 0x75726300U + static_cast<unsigned>(::getpid() % 100);
    if (!listener || ::bind(listener.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
        ::listen(listener.get(), 4) != 0)
        GTEST_SKIP() << "no AF_VSOCK: " << errno_text(errno);
    const std::string text = "vsock-stream:1:" + std::to_string(address.svm_port);
    address.svm_cid = VMADDR_CID_LOCAL;
    (void)::connect(client.get(), reinterpret_cast<sockaddr*>(&address), sizeof address);
    pollfd waiting{listener.get(), POLLIN, 0};
    if (::poll(&waiting, 1, 1000) != 1) GTEST_SKIP() << "no vsock loopback (CID 1) on this host";
    Fd first(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
    options.upstream = text;
    open();
    EXPECT_EQ(send("STATUS=a\nREADY=1"), 0);
    serve_while([](NotifyProxyTest& test, int fd) -> Task<void> {
        Fd connection = co_await accept(test.loop(), fd);
        std::array<std::byte, 64> buffer;
        const std::size_t size = co_await recv(test.loop(), connection.get(), buffer);
        EXPECT_EQ(text_of(std::span(buffer).first(size)), "STATUS=a\nREADY=1");
        connection.reset();
        co_await test.proxy->until_ready();
    }(*this, listener.get()));
}

TEST_F(NotifyProxyTest, PassesFourKibibytesAndDropsALongerDatagram) {
    const std::string longest = "STATUS=" + std::string(4089, 'x');
    open();
    EXPECT_EQ(sent(longest), Bodies{longest});
    EXPECT_EQ(sent(longest + "x"), Bodies{});
    using namespace std::string_literals;
    EXPECT_EQ(sent(longest + "\0READY=1"s), Bodies{}) << "what was cut off is not there, NUL or not";
    EXPECT_FALSE(proxy->is_ready());
}

TEST_F(NotifyProxyTest, DropsADatagramWhoseDescriptorsWereLost) {
    options.allows_fdstore = true;
    log_to(LogLevel::warning);
    open();
    Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(send("FDSTORE=1\nREADY=1", std::vector<int>(20, null.get())), 0);
    ASSERT_EQ(send("END=1"), 0);
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    rlimit few = before;
    few.rlim_cur = static_cast<rlim_t>(null.get()) + 10;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    Bodies bodies;
    serve_while(collect(*this, bodies));
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
    EXPECT_EQ(bodies, Bodies{"END=1"});
    EXPECT_NE(logged().find("descriptors were lost"), std::string::npos);
}

TEST_F(NotifyProxyTest, SendsNothingWhenNothingIsLeft) {
    open();
    EXPECT_EQ(sent("MAINPID=7\nNOTIFYACCESS=all"), Bodies{});
    EXPECT_EQ(sent(""), Bodies{});
    EXPECT_EQ(sent("\n\nnonsense\n"), Bodies{});
}

TEST_F(NotifyProxyTest, CarriesOnlyWhatItsOptionsAllow) {
    const std::string body = "NOTIFYACCESS=all\nFDSTORE=1\nREADY=1";
    open();
    EXPECT_EQ(sent(body), Bodies{"READY=1"});
    options.allows_access = options.allows_fdstore = true;
    open();
    EXPECT_EQ(sent(body), Bodies{body});
}

TEST_F(NotifyProxyTest, CarriesAMemfdToTheStore) {
    Fd memory(::memfd_create("state", MFD_CLOEXEC));
    options.allows_fdstore = true;
    open();
    ASSERT_EQ(send("FDSTORE=1\nFDNAME=state", {memory.get()}), 0);
    serve_while([](NotifyProxyTest& test, int fd) -> Task<void> {
        Received received = co_await test.manager->next(test.loop());
        EXPECT_EQ(received.body, "FDSTORE=1\nFDNAME=state");
        CO_ASSERT(received.fds.size() == 1);
        EXPECT_EQ(inode_of(received.fds[0].get()), inode_of(fd));
    }(*this, memory.get()));
}

TEST_F(NotifyProxyTest, ClosesDescriptorsThatAreNotCarried) {
    auto [reading, writing] = make_pipe(O_NONBLOCK);
    open();
    ASSERT_EQ(send("FDSTORE=1\nREADY=1", {writing.get()}), 0);
    writing.reset();
    serve_while([](NotifyProxyTest& test, int fd) -> Task<void> {
        Received received = co_await test.manager->next(test.loop());
        EXPECT_EQ(received.body, "READY=1");
        EXPECT_TRUE(received.fds.empty());
        char byte;
        EXPECT_EQ(::read(fd, &byte, 1), 0) << "the descriptor is still open";
    }(*this, reading.get()));
}

TEST_F(NotifyProxyTest, CarriesAsManyDescriptorsAsAMessageHas) {
    options.allows_fdstore = true;
    open();
    Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ASSERT_EQ(send("FDSTORE=1", std::vector<int>(kMessageFdsMax, null.get())), 0);
    serve_while([](NotifyProxyTest& test) -> Task<void> {
        Received received = co_await test.manager->next(test.loop());
        EXPECT_EQ(received.fds.size(), kMessageFdsMax);
    }(*this));
}

TEST_F(NotifyProxyTest, RefusesASenderOutsideOfTheContainer) {
    log_to(LogLevel::debug);
    Event asked(loop());
    int count = 0;
    options.is_member = [&](pid_t) {
        if (++count == 2) asked.set();
        return false;
    };
    open();
    ASSERT_EQ(send("READY=1"), 0);
    ASSERT_EQ(send("STATUS=ha"), 0);
    serve_while([](Event& event) -> Task<void> { co_await event.wait(); }(asked));
    Received received;
    EXPECT_FALSE(manager->try_next(received)) << received.body;
    EXPECT_FALSE(proxy->is_ready());
    const std::string text = logged();
    EXPECT_NE(text.find("7 bytes: READY: refused: not of the container"), text.npos) << text;
    EXPECT_NE(text.find("level=warning msg=\"notify: refused what process"), text.npos) << text;
}

TEST_F(NotifyProxyTest, AcceptsASenderThatHasEnded) {
    members.clear();
    open();
    Child child([this] { return send("READY=1\nX_GONE=1"); });
    EXPECT_EQ(child.wait(), 0);
    serve_while([](NotifyProxyTest& test) -> Task<void> {
        Received received = co_await test.manager->next(test.loop());
        EXPECT_EQ(received.body, "READY=1\nX_GONE=1");
    }(*this));
}

TEST_F(NotifyProxyTest, TakesWhatAnotherUserSends) {
    if (!is_root()) GTEST_SKIP() << "needs root to become another user";
    open();
    Child child([this] {
        if (::setgid(1000) != 0 || ::setuid(1000) != 0) return 99;
        return send("READY=1");
    });
    members.insert(child.pid());
    serve_while([](NotifyProxyTest& test) -> Task<void> {
        Received received = co_await test.manager->next(test.loop());
        EXPECT_EQ(received.body, "READY=1");
    }(*this));
    EXPECT_EQ(child.wait(), 0);
}

TEST_F(NotifyProxyTest, SaysWhoTheMainProcessIsInTheDatagramOfTheFirstReady) {
    options.is_detached = true;
    open();
    Child init([] { return ::pause(); });
    proxy->set_init({.pid = init.pid(), .pidfd = -1});
    const std::string main = main_process_lines(init.pid(), pidfd_id(init.pid()));
    EXPECT_EQ(sent("STATUS=up"), Bodies{"STATUS=up"});
    EXPECT_EQ(sent("STATUS=up\nREADY=1"), Bodies{main + "\nSTATUS=up\nREADY=1"});
    EXPECT_EQ(sent("READY=1"), Bodies{"READY=1"}) << "said once";
    ::kill(init.pid(), SIGKILL);
}

TEST_F(NotifyProxyTest, SaysTheMainProcessFirstWhenBothAreTooLongForOneDatagram) {
    options.is_detached = true;
    open();
    proxy->set_init({.pid = ::getpid(), .pidfd = -1});
    const std::string body = "READY=1\nSTATUS=" + std::string(4081, 'x');
    const Bodies expected{main_process_lines(::getpid(), pidfd_id(::getpid())), body};
    EXPECT_EQ(sent(body), expected);
}

TEST_F(NotifyProxyTest, SaysNoMainProcessInTheForeground) {
    open();
    proxy->set_init({.pid = ::getpid(), .pidfd = -1});
    EXPECT_EQ(sent("MAINPID=1\nREADY=1"), Bodies{"READY=1"});
}

TEST_F(NotifyProxyTest, LetsTheContainersOwnMainProcessWin) {
    options.is_detached = true;
    Child service([] { return ::pause(); });
    options.translate = [&](pid_t, pid_t inside) {
        return inside == 2 ? std::optional<pid_t>(service.pid()) : std::nullopt;
    };
    open();
    proxy->set_init({.pid = ::getpid(), .pidfd = -1});
    EXPECT_EQ(sent("READY=1\nMAINPID=2"),
              Bodies{main_process_lines(service.pid(), pidfd_id(service.pid())) + "\nREADY=1"});
    EXPECT_EQ(sent("READY=1"), Bodies{"READY=1"});
    ::kill(service.pid(), SIGKILL);
}

TEST_F(NotifyProxyTest, NamesTheStarterThenTheMainProcessAsSender) {
    if (!is_root()) GTEST_SKIP() << "needs CAP_SYS_ADMIN to name another sender";
    Child starter([] { return ::pause(); });
    Child init([] { return ::pause(); });
    options.is_detached = true;
    options.starter = starter.pid();
    open();
    proxy->set_init({.pid = init.pid(), .pidfd = -1});
    for (const char* body : {"STATUS=a", "READY=1", "STATUS=b"}) ASSERT_EQ(send(body), 0);
    serve_while([](NotifyProxyTest& test, pid_t first, pid_t second) -> Task<void> {
        for (pid_t expected : {first, first, second}) {
            Received received = co_await test.manager->next(test.loop());
            EXPECT_EQ(received.sender.pid, expected) << received.body;
        }
    }(*this, starter.pid(), init.pid()));
    ::kill(init.pid(), SIGKILL);
    (void)init.wait();
    ASSERT_EQ(send("STATUS=c"), 0);
    serve_while([](NotifyProxyTest& test) -> Task<void> {
        Received received = co_await test.manager->next(test.loop());
        EXPECT_EQ(received.body, "STATUS=c");
        EXPECT_EQ(received.sender.pid, ::getpid()) << "nobody can be named any more";
    }(*this));
    ::kill(starter.pid(), SIGKILL);
}

TEST_F(NotifyProxyTest, LogsEachDatagramAndWhatBecameOfIt) {
    log_to(LogLevel::debug);
    open();
    Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    EXPECT_EQ(sent("READY=1\nSTATUS=a\nMAINPID=4", {null.get()}), Bodies{"READY=1\nSTATUS=a"});
    EXPECT_EQ(sent("BARRIER=1"), Bodies{});
    EXPECT_EQ(sent("MAINPID=1"), Bodies{});
    const std::string text = logged();
    const std::string from = "notify: from " + std::to_string(::getpid());
    for (const std::string& line :
         {from + ": 26 bytes, 1 descriptors: READY STATUS MAINPID (less MAINPID): forwarded",
          from + ": 9 bytes: BARRIER: dropped: BARRIER=1 without exactly one descriptor",
          from + ": 9 bytes: MAINPID: dropped: nothing is left for upstream",
          from + ": 5 bytes: END: forwarded"})
        EXPECT_NE(text.find(line), std::string::npos) << line << "\nin\n" << text;
}

TEST_F(NotifyProxyTest, WarnsTheFirstTheTenthAndTheHundredthTime) {
    log_to(LogLevel::warning);
    open();
    for (int i = 0; i < 100; ++i) EXPECT_EQ(sent("BARRIER=1"), Bodies{});
    const std::string text = logged();
    EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 3) << text;
    EXPECT_NE(text.find("(100 times so far)"), std::string::npos) << text;
}

TEST_F(NotifyProxyTest, FinishSendsWhatTheContainerSaidLast) {
    open();
    ASSERT_EQ(send("STOPPING=1"), 0);
    ASSERT_EQ(send("EXIT_STATUS=3"), 0);
    auto ended = run(proxy->finish(5s));
    EXPECT_TRUE(ended.ok());
    Received received;
    ASSERT_TRUE(manager->try_next(received));
    EXPECT_EQ(received.body, "STOPPING=1");
    ASSERT_TRUE(manager->try_next(received));
    EXPECT_EQ(received.body, "EXIT_STATUS=3");
}

}  // namespace
}  // namespace urc::notify
