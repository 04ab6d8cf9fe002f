// pause, resume and ps, and what kill and delete do with a frozen container. Real containers.
#include "live_container.h"

namespace urc {
namespace {

using PauseTest = testing::LiveContainerTest;

TEST_F(PauseTest, PausedUntilResumed) {
    make(StartedBy::channel);
    EXPECT_EQ(text(resume(global(), id_)), "container not paused");
    EXPECT_EQ(text(pause(global(), id_)), "");
    EXPECT_EQ(status(), "paused");
    EXPECT_EQ(text(pause(global(), id_)), "container not running");
    EXPECT_EQ(status(), "paused");
    EXPECT_EQ(text(resume(global(), id_)), "");
    EXPECT_EQ(status(), "running");
}

TEST_F(PauseTest, ACreatedOneIsCreatedAgainAfterwards) {
    make(StartedBy::socket);
    EXPECT_EQ(text(pause(global(), id_)), "");
    EXPECT_EQ(status(), "paused");
    EXPECT_EQ(text(start(global(), id_)), "cannot start an already running container");
    EXPECT_EQ(text(resume(global(), id_)), "");
    EXPECT_EQ(status(), "created");
    EXPECT_EQ(text(start(global(), id_)), "");
    EXPECT_EQ(status(), "running");
}

TEST_F(PauseTest, AStoppedOneIsRefused) {
    make(StartedBy::channel);
    kill_and_reap(init_);
    EXPECT_EQ(text(pause(global(), id_)), "container not running");
    EXPECT_EQ(text(resume(global(), id_)), "container not paused");
    EXPECT_EQ(text(pause(global(), "nobody")), "container does not exist");
}

TEST_F(PauseTest, KillEndsAFrozenOne) {
    make(StartedBy::channel);
    ASSERT_EQ(text(pause(global(), id_)), "");
    EXPECT_EQ(text(kill(global(), id_, {.signal = SIGKILL})), "");
    EXPECT_TRUE(has_ended());
    EXPECT_EQ(status(), "stopped");
}

TEST_F(PauseTest, ForcedDeleteEndsAFrozenOne) {
    make(StartedBy::channel);
    ASSERT_EQ(text(pause(global(), id_)), "");
    EXPECT_EQ(text(remove(global(), id_, {})),
              "cannot delete container " + id_ + " that is not stopped: paused");
    EXPECT_EQ(text(remove(global(), id_, {.force = true})), "");
    EXPECT_TRUE(has_ended());
}

TEST_F(PauseTest, PsListsTheProcessesByTheirNumbersHere) {
    make(StartedBy::channel);
    auto found = pids(global(), id_);
    ASSERT_TRUE(found) << found.error().text();
    EXPECT_EQ(*found, std::vector<pid_t>{pid_});
    kill_and_reap(init_);
    found = pids(global(), id_);
    ASSERT_TRUE(found);
    EXPECT_TRUE(found->empty());
}

TEST_F(PauseTest, PsTellsWhatPsComplainsAbout) {
    make(StartedBy::channel);
    auto table = ps_table(global(), id_, {"-o", "pid,args"});
    ASSERT_TRUE(table) << table.error().text();
    EXPECT_NE(table->find("sleep 1000"), std::string::npos) << *table;
    table = ps_table(global(), id_, {"--no-such-option"});
    ASSERT_FALSE(table);
    EXPECT_TRUE(table.error().text().starts_with("ps: ")) << table.error().text();
    EXPECT_EQ(table.error().text().find('\n'), std::string::npos);
}

}  // namespace
}  // namespace urc
