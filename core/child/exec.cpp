// From the last step of the set-up to the user's program: the list of calls that the last page works off.
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "core/child/last_page.h"
#include "core/child/launch.h"
#include "core/child/listener.h"
#include "core/hooks/process.h"
#include "core/process/limits.h"
#include "core/seccomp/judge.h"
#include "core/spec/names.h"

namespace urc::child {

namespace {

// Everything that the listed calls point to. It lives on the heap, and stays there until execve.
struct Image {
    std::string program;
    std::vector<std::string> args, env;
    std::vector<char*> argv, envp;
    __user_cap_header_struct cap_header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct cap_data[2]{};
    sock_fprog filter{};
    std::optional<ListenerHandover> handover;
    std::vector<rlimit> limits;

    // Where the last page clones (add_calls_of_a_clone).
    __user_cap_data_struct cap_data_with_admin[2]{};
    process::MessageHeader spawned{.type = process::Message::spawned};
    process::MessageHeader listener{.type = process::Message::listener};
    process::MessageHeader heard{};
    char pid_text[kPidTextSize]{};
    iovec go[2]{};
};

std::vector<char*> pointers(std::vector<std::string>& strings) {
    std::vector<char*> result;
    result.reserve(strings.size() + 1);
    for (std::string& string : strings) result.push_back(string.data());
    result.push_back(nullptr);
    return result;
}

template <typename T>
long address(T* pointer) {
    return reinterpret_cast<long>(pointer);
}

void fill(std::span<__user_cap_data_struct, 2> data, const spec::Capabilities& sets) {
    for (unsigned word = 0; word < 2; ++word) {
        data[word].effective = static_cast<std::uint32_t>(sets.effective >> (32 * word));
        data[word].permitted = static_cast<std::uint32_t>(sets.permitted >> (32 * word));
        data[word].inheritable = static_cast<std::uint32_t>(sets.inheritable >> (32 * word));
    }
}

// `withheld` are capabilities that this process shall not have, whatever the configuration says.
void add_capabilities(LastPage& page, Image& image, const Launch& launch, std::uint64_t withheld) {
    spec::Capabilities sets = launch.process->capabilities.value_or(spec::Capabilities{});
    for (std::uint64_t* set : {&sets.effective, &sets.permitted, &sets.inheritable, &sets.ambient})
        *set &= ~withheld;
    fill(image.cap_data, sets);
    for (long capability = 0; capability < 64; ++capability)
        if (sets.bounding & withheld & (std::uint64_t{1} << capability))
            page.add("drop capability " + std::to_string(capability), SYS_prctl, PR_CAPBSET_DROP, capability);
    page.add("set capabilities", SYS_capset, address(&image.cap_header), address(image.cap_data));
    page.add("", SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL);
    for (long capability = 0; capability < 64; ++capability)
        if (sets.ambient >> capability & 1)
            page.add("", SYS_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability);
}

// Here and not earlier: a limit on descriptors, files or memory is meant for the program, not for our set-up.
// The hard limits that only the host's root may raise were raised by the parent where that is no longer us.
void add_rlimit(LastPage& page, Image& image, const spec::Rlimit& limit) {
    image.limits.push_back({limit.soft, limit.hard});
    page.add("set " + std::string(spec::rlimit_name(limit.resource)), SYS_prlimit64, 0, limit.resource,
             address(&image.limits.back()), 0);
}

void add_rlimits(LastPage& page, Image& image, const Launch& launch) {
    const auto& rlimits = launch.process->rlimits;
    image.limits.reserve(2 * rlimits.size() + 1);
    const bool has_own =
        std::ranges::any_of(rlimits, [](const auto& limit) { return limit.resource == RLIMIT_NOFILE; });
    if (auto inherited = process::inherited_descriptor_limit(); inherited && !has_own)
        add_rlimit(page, image, {RLIMIT_NOFILE, inherited->rlim_cur, inherited->rlim_max});
    for (spec::Rlimit limit : rlimits) {
        // A clone is still to come, and shall not be what there is one too many of; but then nobody may raise
        // a hard limit any more.
        rlimit current;
        if (launch.clones_last && limit.resource == RLIMIT_NPROC && ::getrlimit(RLIMIT_NPROC, &current) == 0)
            limit = {limit.resource, std::max<std::uint64_t>(limit.soft, current.rlim_cur),
                     std::max<std::uint64_t>(limit.hard, current.rlim_max)};
        add_rlimit(page, image, limit);
    }
}

// `hand_over` adds the calls that follow, where the filter has a listener.
template <typename HandOver>
void add_seccomp(LastPage& page, Image& image, const Launch& launch, HandOver hand_over) {
    if (!launch.seccomp) return;
    image.filter.len = static_cast<unsigned short>(launch.seccomp->instructions.size());
    image.filter.filter = const_cast<sock_filter*>(launch.seccomp->instructions.data());
    LastPage::Call& load = page.add("load the seccomp filter", SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                                    static_cast<long>(launch.seccomp->flags), address(&image.filter));
    if (launch.seccomp->has_notify) hand_over(load);
}

// create: first until the creator has done its part; one that dies before that has made no container. Then
// blocks until `urc start` connects and says go; its connection becomes the channel for what may
// still fail.
void wait_for_start(Launch& launch) {
    if (!launch.channel.expect(process::Message::committed).ok()) ::_exit(1);
    launch.channel.close();
    for (;;) {
        Fd connection(::accept4(launch.start_listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
        if (!connection) {
            if (errno == EINTR || errno == ECONNABORTED) continue;
            ::_exit(1);
        }
        process::Channel channel{std::move(connection)};
        auto received = channel.receive();
        if (!received.ok() || received->type != process::Message::go) continue;
        launch.start_listener.reset();
        launch.channel = std::move(channel);
        return;
    }
}

// run: the parent's word, which is mostly there already. End of file: it died, and the container was never
// started.
void wait_for_go(Launch& launch) {
    auto received = launch.channel.expect(process::Message::go);
    if (!received.ok()) ::_exit(1);
    outlive_parent();
    // The word may be an old one: an exec into a frozen container gets to read it when it is thawed, and its
    // caller, who has given up meanwhile, must not find that it was done after all.
    if (has_lost_parent(launch)) ::_exit(1);
}

std::unique_ptr<Image> make_image(std::string program, std::vector<std::string> args,
                                  std::vector<std::string> env) {
    auto image = std::make_unique<Image>();
    image->program = std::move(program);
    image->args = std::move(args);
    image->env = std::move(env);
    image->argv = pointers(image->args);
    image->envp = pointers(image->env);
    return image;
}

void add_execve(LastPage& page, Image& image) {
    page.add("exec " + image.program, SYS_execve, address(image.program.data()), address(image.argv.data()),
             address(image.envp.data()));
}

// All that is left between urc and a program inside.
Result<void> add_calls(LastPage& page, Image& image, const Launch& launch, std::uint64_t withheld) {
    // Where it is not supported, urc runs from a sealed copy already (process/sealed_copy.h).
    if (LastPage::is_supported()) URC_TRY_VOID(page.add_leave_image());
    if (launch.seccomp && launch.seccomp->has_notify) {
        URC_TRY(ListenerHandover handover, ListenerHandover::make());
        image.handover.emplace(std::move(handover));
    }
    add_rlimits(page, image, launch);
    // Without no_new_privs a filter needs CAP_SYS_ADMIN, so it must come before the capabilities go; with it,
    // it comes last, so that the profile has to allow as little as possible of what we do ourselves.
    bool no_new_privileges = launch.process->no_new_privileges;
    auto hand_over = [&](LastPage::Call& load) { image.handover->add_calls(page, load); };
    if (!no_new_privileges) add_seccomp(page, image, launch, hand_over);
    add_capabilities(page, image, launch, withheld);
    page.add("close descriptors", SYS_close_range, 3 + launch.passed_fds, ~0U, CLOSE_RANGE_CLOEXEC);
    if (no_new_privileges) {
        page.add("set no_new_privs", SYS_prctl, PR_SET_NO_NEW_PRIVS, 1);
        add_seccomp(page, image, launch, hand_over);
    }
    add_execve(page, image);
    return {};
}

// ---- exec: the process that can be seen in the container is cloned as late as can be (enter.cpp) ----------

constexpr std::uint64_t kAdmin = std::uint64_t{1} << CAP_SYS_ADMIN;

// Without no_new_privs a filter takes CAP_SYS_ADMIN, which most containers do not have.
enum class FilterPlace {
    in_the_clone,             // the right is not needed, or the container's own
    before_the_clone,         // with our right; it binds the calls from the clone on, too
    in_the_clone_with_admin,  // it forbids one of those: CAP_SYS_ADMIN goes along until it is loaded
};

FilterPlace place_filter(const Launch& launch) {
    const auto& sets = launch.process->capabilities;
    if (!launch.seccomp || launch.process->no_new_privileges || (sets && sets->effective & kAdmin))
        return FilterPlace::in_the_clone;
    // The clone itself hands a listener over: its pid is what an agent is told.
    if (launch.seccomp->has_notify) return FilterPlace::in_the_clone_with_admin;
    const seccomp::Call later[] = {
        {SYS_clone, {CLONE_PARENT}},
        {SYS_write, {static_cast<std::uint64_t>(launch.channel.get())}},
        {SYS_exit_group, {1}},
        {SYS_setsid, {}},
        {SYS_ioctl, {0, TIOCSCTTY, 0}},
        {SYS_prlimit64, {0, RLIMIT_NPROC}},
        {SYS_readv, {static_cast<std::uint64_t>(launch.channel.get())}},
    };
    const bool allows_all = std::ranges::all_of(later, [&](const seccomp::Call& call) {
        return seccomp::allows(launch.seccomp->instructions, call);
    });
    return allows_all ? FilterPlace::before_the_clone : FilterPlace::in_the_clone_with_admin;
}

// The listener is of the clone, whose number for it the parent hears; it takes it by pidfd_getfd(2). What is
// read may be notified, but by then there is somebody to answer.
void add_filter_of_a_clone(LastPage& page, Image& image, const Launch& launch) {
    if (!launch.seccomp) return;
    add_seccomp(page, image, launch, [&](LastPage::Call& load) {
        load.result = &image.listener.value;
        constexpr long kSize = sizeof(process::MessageHeader);
        const std::string text = "hand over the seccomp listener";
        page.add(text, SYS_write, launch.channel.get(), address(&image.listener), kSize).at_least = kSize;
        page.add(text, SYS_read, launch.channel.get(), address(&image.heard), kSize).at_least = kSize;
    });
}

void add_clone(LastPage& page, Image& image) {
    page.add("clone", SYS_clone, CLONE_PARENT).spawned = reinterpret_cast<char*>(&image.spawned);
}

// The word `go`, with the process's own pid where it asked for that.
void add_go(LastPage& page, Image& image, const Launch& launch) {
    char* pid_text = image.pid_text;
    if (launch.listen_fds > 0) pid_text = image.env.back().data() + image.env.back().size() - kPidTextSize;
    image.go[0] = {&image.heard, sizeof image.heard};
    image.go[1] = {pid_text, kPidTextSize - 1};
    page.add("wait for the last word", SYS_readv, launch.channel.get(), address(image.go), 2).at_least =
        sizeof image.heard;
}

//   the stage, which nobody inside can see             the program's process
//   leaves urc's image
//   limits
//   filter, if before_the_clone
//   capabilities
//   clone ------------------------------------------>  setsid, controlling terminal, RLIMIT_NPROC
//   spawned(pid), exits                                awaits go
//                                                      descriptors, no_new_privs
//                                                      filter, if in_the_clone
//                                                      capabilities, if with_admin
//                                                      execve
Result<void> add_calls_of_a_clone(LastPage& page, Image& image, const Launch& launch) {
    if (LastPage::is_supported()) URC_TRY_VOID(page.add_leave_image());
    const FilterPlace place = place_filter(launch);
    add_rlimits(page, image, launch);
    if (place == FilterPlace::before_the_clone) add_filter_of_a_clone(page, image, launch);
    if (place == FilterPlace::in_the_clone_with_admin) {
        spec::Capabilities sets = launch.process->capabilities.value_or(spec::Capabilities{});
        sets.permitted |= kAdmin;
        sets.effective |= kAdmin;
        fill(image.cap_data_with_admin, sets);
        page.add("set capabilities", SYS_capset, address(&image.cap_header),
                 address(image.cap_data_with_admin));
    } else {
        add_capabilities(page, image, launch, 0);
    }
    add_clone(page, image);
    page.add("setsid", SYS_setsid);
    if (launch.process->terminal) page.add("TIOCSCTTY", SYS_ioctl, STDIN_FILENO, TIOCSCTTY, 0);
    for (const spec::Rlimit& limit : launch.process->rlimits)
        if (limit.resource == RLIMIT_NPROC) add_rlimit(page, image, limit);
    add_go(page, image, launch);
    page.add("close descriptors", SYS_close_range, 3 + launch.passed_fds, ~0U, CLOSE_RANGE_CLOEXEC);
    if (launch.process->no_new_privileges) page.add("set no_new_privs", SYS_prctl, PR_SET_NO_NEW_PRIVS, 1);
    if (place != FilterPlace::before_the_clone) add_filter_of_a_clone(page, image, launch);
    if (place == FilterPlace::in_the_clone_with_admin) add_capabilities(page, image, launch, 0);
    add_execve(page, image);
    return {};
}

// What urc was given by its own caller is nobody's business inside, where the clone's memory may be read.
void wipe_environment() {
    for (char** entry = environ; entry && *entry; ++entry) ::explicit_bzero(*entry, std::strlen(*entry));
}

[[noreturn]] void execute_in_a_clone(Launch& launch, std::unique_ptr<Image> image) {
    wipe_environment();
    LastPage page;
    if (auto added = add_calls_of_a_clone(page, *image, launch); !added.ok()) give_up(launch, added.error());
    page.run(launch.channel.get());
}

Result<void> start_handover(Image& image, const Launch& launch) {
    return image.handover ? image.handover->start(launch.channel) : Result<void>{};
}

// The process of a startContainer hook. Its path leads into an image that may be hostile, so it leaves urc's
// executable behind just as the init does later, and is confined by the same list of calls. But the init
// beside it is still urc's, with all capabilities and no filter, and only not being dumpable protects it: so
// this process goes without CAP_SYS_PTRACE, which overrules that (ptrace(2), unless our memory belongs to a
// user namespace above the container's).
[[noreturn]] void become_hook(const Launch& launch, const spec::Hook& hook,
                              const std::vector<std::string>& env, const process::Channel& report) {
    auto image = make_image(hook.path, hooks::arguments_of(hook), hook.env.empty() ? env : hook.env);
    LastPage page;
    auto added = add_calls(page, *image, launch, launch.is_in_user ? 0 : std::uint64_t{1} << CAP_SYS_PTRACE);
    // A filter that notifies is the hook's, too; its listener takes the same way to the agent as the
    // program's.
    if (added.ok()) added = start_handover(*image, launch);
    if (added.ok()) page.run(report.get());
    (void)report.send_error(added.error());
    ::_exit(1);
}

}  // namespace

void execute(Launch& launch, std::string program, std::vector<std::string> env) {
    auto image = make_image(std::move(program), launch.process->args, std::move(env));
    if (launch.clones_last) execute_in_a_clone(launch, std::move(image));
    LastPage page;
    if (auto added = add_calls(page, *image, launch, 0); !added.ok()) {
        (void)launch.channel.send_error(added.error());
        ::_exit(1);
    }

    // From `ready` on a creator may end well.
    if (launch.start_listener) outlive_parent();
    if (launch.reports_ready && !launch.channel.send(process::Message::ready).ok()) ::_exit(1);
    if (launch.start_listener)
        wait_for_start(launch);
    else
        wait_for_go(launch);
    if (launch.has_hooks) {
        auto become = [&](const spec::Hook& hook, const process::Channel& report) {
            become_hook(launch, hook, image->env, report);
        };
        if (auto done = run_start_hooks(launch, become); !done.ok()) {
            (void)launch.channel.send_error(done.error());
            ::_exit(1);
        }
    }
    if (auto started = start_handover(*image, launch); !started.ok()) {
        (void)launch.channel.send_error(started.error());
        ::_exit(1);
    }
    page.run(launch.channel.get());
}

}  // namespace urc::child
