// Where the container finds its way to the manager, and what it is told of it.
#include "core/lifecycle/notify_place.h"

#include <gtest/gtest.h>

namespace urc {
namespace {

using Env = std::vector<std::string>;

spec::Spec spec_with(Env env = {"PATH=/bin"}, bool has_mount_namespace = true) {
    spec::Spec spec;
    spec.process.emplace();
    spec.process->env = std::move(env);
    if (has_mount_namespace) spec.linux.namespaces.push_back({spec::NamespaceType::mount, ""});
    return spec;
}

spec::Spec spec_with_mount(Env env, const std::string& destination, const std::string& type) {
    spec::Spec spec = spec_with(std::move(env));
    spec.mounts.push_back({.destination = destination,
                           .type = type,
                           .source = "/host",
                           .options = {},
                           .uid_mappings = {},
                           .gid_mappings = {}});
    return spec;
}

NotifyOptions manager(std::string socket = "/run/systemd/notify") {
    NotifyOptions options;
    options.socket = std::move(socket);
    return options;
}

bool is_taken(const spec::Spec& spec) {
    return place_notify_socket(spec, manager(), "/root", "c1").is_taken;
}

TEST(NotifyPlace, IsADirectoryOfTheContainerBelowRun) {
    spec::Spec spec = spec_with({"PATH=/bin", "NOTIFY_SOCKET=/of/the/caller", "NOTIFY_SOCKETS=x"});
    const NotifyPlace place = place_notify_socket(spec, manager(), "/root", "c1");
    EXPECT_EQ(place.source, "/root/c1/notify");
    EXPECT_EQ(place.name, "notify.sock");
    EXPECT_FALSE(place.is_taken);
    add_notify_socket(spec, manager(), place);
    ASSERT_EQ(spec.mounts.size(), 1U);
    EXPECT_EQ(spec.mounts[0].source, "/root/c1/notify");
    EXPECT_EQ(spec.mounts[0].destination, "/run/notify");
    EXPECT_EQ(spec.mounts[0].options, (Env{"bind", "ro", "nosuid", "nodev", "noexec", "rprivate"}));
    EXPECT_EQ(spec.process->env,
              (Env{"PATH=/bin", "NOTIFY_SOCKETS=x", "NOTIFY_SOCKET=/run/notify/notify.sock"}));
}

TEST(NotifyPlace, MayBeThatOfTheHost) {
    NotifyOptions options = manager();
    options.is_at_host_path = true;
    const NotifyPlace place = place_notify_socket(spec_with(), options, "/root", "c1");
    EXPECT_EQ(place.destination, "/run/systemd/notify");
    EXPECT_EQ(place.path, "/run/systemd/notify/notify");
    EXPECT_EQ(place.name, "notify");
    options.socket = "@abstract";
    EXPECT_EQ(place_notify_socket(spec_with(), options, "/root", "c1").path, "/@abstract/notify");
}

TEST(NotifyPlace, WithTheFileSystemOfTheHostNothingIsMounted) {
    spec::Spec spec = spec_with({}, false);
    for (bool is_at_host_path : {false, true}) {
        NotifyOptions options = manager();
        options.is_at_host_path = is_at_host_path;
        const NotifyPlace place = place_notify_socket(spec, options, "/root", "c1");
        EXPECT_EQ(place.destination, "");
        EXPECT_EQ(place.path, "/root/c1/notify/" + place.name);
        add_notify_socket(spec, options, place);
        EXPECT_TRUE(spec.mounts.empty());
        EXPECT_EQ(spec.process->env, Env{"NOTIFY_SOCKET=" + place.path});
    }
}

TEST(NotifyPlace, IsLeftToAnEngineThatHasMountedItsOwn) {
    const Env env{"NOTIFY_SOCKET=/run/engine/notify.sock"};
    EXPECT_TRUE(is_taken(spec_with_mount(env, "/run/engine/notify.sock", "bind")));
    EXPECT_TRUE(is_taken(spec_with_mount(env, "/run/engine", "bind")));
    EXPECT_FALSE(is_taken(spec_with_mount(env, "/run/eng", "bind"))) << "another directory";
    EXPECT_FALSE(is_taken(spec_with_mount(env, "/run", "tmpfs"))) << "an empty one";
    EXPECT_FALSE(is_taken(spec_with_mount(env, "/", "bind"))) << "the root";
    EXPECT_FALSE(is_taken(spec_with_mount({"NOTIFY_SOCKET=@engine"}, "/run/engine", "bind")));
    EXPECT_FALSE(is_taken(spec_with_mount({"NOTIFY_SOCKET="}, "/run/engine", "bind")));
    EXPECT_FALSE(is_taken(spec_with(env)));
    // What counts is the last value, as it does for the program.
    EXPECT_FALSE(is_taken(spec_with_mount({env[0], "NOTIFY_SOCKET=/x"}, "/run/engine", "bind")));
}

TEST(NotifyPlace, TheWatchdogAndTheStoreAreForThoseWhoMayHaveThem) {
    NotifyOptions options = manager();
    options.watchdog_usec = "3000000";
    options.fdstore = "7";
    const NotifyPlace place = place_notify_socket(spec_with(), options, "/root", "c1");
    auto env_with = [&] {
        spec::Spec spec = spec_with({"WATCHDOG_USEC=1", "FDSTORE=1"});
        add_notify_socket(spec, options, place);
        return spec.process->env;
    };
    const std::string socket = "NOTIFY_SOCKET=/run/notify/notify.sock";
    EXPECT_EQ(env_with(), (Env{"FDSTORE=1", socket, "WATCHDOG_USEC=3000000"}));
    options.allows_fdstore = true;
    EXPECT_EQ(env_with(), (Env{socket, "WATCHDOG_USEC=3000000", "FDSTORE=7"}));
    options.watchdog_usec = options.fdstore = "";
    EXPECT_EQ(env_with(), (Env{"WATCHDOG_USEC=1", "FDSTORE=1", socket}));
}

}  // namespace
}  // namespace urc
