#include "core/process/channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace urc::process {
namespace {

Channel::Pair make_pair() {
    auto pair = Channel::make();
    EXPECT_TRUE(pair.ok());
    return std::move(*pair);
}

TEST(Channel, CarriesTypeValueAndText) {
    auto pair = make_pair();
    ASSERT_TRUE(pair.child.send(Message::phases, 7, "mounts=12us").ok());
    auto received = pair.parent.receive();
    ASSERT_TRUE(received.ok());
    EXPECT_EQ(received->type, Message::phases);
    EXPECT_EQ(received->value, 7);
    EXPECT_EQ(received->text, "mounts=12us");
}

TEST(Channel, GivesTheErrorThatTheOtherSideSent) {
    auto pair = make_pair();
    ASSERT_TRUE(pair.child.send_error(Error(EROFS, "mount", "proc on /proc")).ok());
    auto received = pair.parent.receive();
    ASSERT_FALSE(received.ok());
    EXPECT_EQ(received.error().code(), EROFS);
    EXPECT_EQ(received.error().text(), "mount: proc on /proc: Read-only file system");
}

TEST(Channel, CarriesADescriptor) {
    auto pair = make_pair();
    int pipe[2];
    ASSERT_EQ(::pipe2(pipe, O_CLOEXEC), 0);
    ASSERT_TRUE(pair.child.send_fd(Message::console, pipe[1]).ok());
    ::close(pipe[1]);
    auto received = pair.parent.receive();
    ASSERT_TRUE(received.ok());
    EXPECT_EQ(received->type, Message::console);
    ASSERT_TRUE(received->fd.is_open());
    EXPECT_EQ(::fcntl(received->fd.get(), F_GETFD), FD_CLOEXEC);
    ASSERT_EQ(::write(received->fd.get(), "x", 1), 1);
    char byte = 0;
    EXPECT_EQ(::read(pipe[0], &byte, 1), 1);
    EXPECT_EQ(byte, 'x');
    ::close(pipe[0]);
}

TEST(Channel, TellsTheEndOfTheOtherSide) {
    auto pair = make_pair();
    pair.child.close();
    auto received = pair.parent.receive();
    ASSERT_TRUE(received.ok());
    EXPECT_EQ(received->type, Message::end_of_file);
    auto expected = pair.parent.expect(Message::ready);
    ASSERT_FALSE(expected.ok());
    EXPECT_EQ(expected.error().code(), ECHILD);
}

// unix(7): a peer that closes with data unread resets the connection, and the reset overtakes what it said.
TEST(Channel, GivesTheLastWordsOfAChildThatDidNotListen) {
    auto pair = make_pair();
    ASSERT_TRUE(pair.parent.send(Message::go).ok());
    ASSERT_TRUE(pair.child.send_error(Error(EROFS, "pivot_root")).ok());
    pair.child.close();
    EXPECT_EQ(pair.parent.receive().error().text(), "pivot_root: Read-only file system");
}

TEST(Channel, AChildThatDiesWithoutReadingGoIsNotTakenForOneThatRuns) {
    auto pair = make_pair();
    ASSERT_TRUE(pair.parent.send(Message::go).ok());
    pair.child.close();
    EXPECT_EQ(pair.parent.receive().error().code(), ECHILD);
}

TEST(Channel, RefusesWhatNobodyMeant) {
    auto pair = make_pair();
    char bytes[16] = {};
    ASSERT_EQ(::send(pair.child.get(), bytes, 3, 0), 3);  // shorter than a header
    EXPECT_EQ(pair.parent.receive().error().code(), EBADMSG);
    ASSERT_EQ(::send(pair.child.get(), bytes, 16, 0), 16);  // type 0
    EXPECT_EQ(pair.parent.receive().error().code(), EBADMSG);
    bytes[0] = 100;  // no such type
    ASSERT_EQ(::send(pair.child.get(), bytes, 16, 0), 16);
    EXPECT_EQ(pair.parent.receive().error().code(), EBADMSG);
    ASSERT_TRUE(pair.child.send(Message::go).ok());
    EXPECT_EQ(pair.parent.expect(Message::ready).error().code(), EPROTO);
}

TEST(Channel, CutsATextThatIsTooLong) {
    auto pair = make_pair();
    ASSERT_TRUE(pair.child.send(Message::phases, 0, std::string(3 * kMessageSizeMax, 'x')).ok());
    auto received = pair.parent.receive();
    ASSERT_TRUE(received.ok());
    EXPECT_EQ(received->text.size(), kMessageSizeMax - sizeof(MessageHeader));
}

}  // namespace
}  // namespace urc::process
